"""An abstract interpreter of Python over PyTorch: it runs a project without torch and leaves behind what happened."""
