"""Written by tools/generate.py from the rule modules; do not edit."""

from __future__ import annotations

from typing import Any

# fmt: off
CATALOGUE: tuple[tuple[Any, ...], ...] = (
    ('AEL101', 'unflatten-size-not-a-tuple', 'aelint.rules.architecture.unflatten_size_not_a_tuple', '`Unflatten` is given a number where a tuple of sizes is needed', 'error', 'high', (('unflatten',),), {}),
    ('AEL102', 'degenerate-unflatten', 'aelint.rules.architecture.degenerate_unflatten', '`Unflatten` makes a shape that cannot hold the features or feed the next layer', 'error', 'high', (('unflatten',),), {}),
    ('AEL103', 'feature-mismatch', 'aelint.rules.architecture.feature_mismatch', 'a layer gets another number of features or channels than it was built for', 'error', 'high', (('torch',),), {}),
    ('AEL104', 'element-count-mismatch', 'aelint.rules.architecture.element_count_mismatch', 'a reshape cannot hold the elements of its tensor', 'error', 'high', (('view', 'reshape', 'split', 'flatten'),), {}),
    ('AEL106', 'unflattened-input-to-linear', 'aelint.rules.architecture.unflattened_input_to_linear', 'an image batch reaches a linear layer without being flattened', 'error', 'high', (('linear',),), {}),
    ('AEL114', 'unregistered-layers', 'aelint.rules.architecture.unregistered_layers', 'layers in a plain list, tuple or dict are no parameters of the network', 'error', 'high', (('module', 'nn.'),), {}),
    ('AEL116', 'unused-layer', 'aelint.rules.architecture.unused_layer', 'a layer or its output never reaches the result', 'warning', 'high', (('module', 'nn.'),), {}),
    ('AEL118', 'discarded-result', 'aelint.rules.architecture.discarded_result', 'the result of a tensor operation is thrown away', 'error', 'high', (('torch',),), {}),
    ('AEL201', 'rectified-code', 'aelint.rules.latent.rectified_code', 'a ReLU on a code of very few units', 'warning', 'high', (('relu',), ('linear',)), {'units': 3}),
    ('AEL203', 'logvar-as-std', 'aelint.rules.latent.logvar_as_std', 'the noise of a sample is scaled by a head that the divergence reads differently', 'error', 'high', (('rand', 'normal'), ('exp', 'log', 'softplus')), {}),
    ('AEL301', 'oversized-kl-weight', 'aelint.rules.objective.oversized_kl_weight', 'the KL divergence weighs so much that the posterior collapses', 'warning', 'high', (('kl', 'exp'), ('rec', 'loss', 'mse', 'bce', 'cross_entropy', 'pow', '**')), {'largest': 50.0}),
    ('AEL303', 'kl-formula', 'aelint.rules.objective.kl_formula', 'a closed-form KL divergence differs from the formula in one term', 'error', 'high', (('exp', 'log', 'pow', '**', 'square'),), {}),
    ('AEL304', 'kl-sign', 'aelint.rules.objective.kl_sign', 'the KL divergence and the reconstruction loss have opposite signs', 'error', 'high', (('exp', 'log', 'kl_div'), ('loss', 'cross_entropy', 'mse', 'pow', '**', 'square', 'backward')), {}),
    ('AEL305', 'kl-reconstruction-reduction', 'aelint.rules.objective.kl_reconstruction_reduction', 'the reductions of KL and reconstruction imply a weight far from the one that is written', 'warning', 'high', (('exp', 'log', 'kl_div'), ('mean', 'sum', 'loss', 'entropy')), {}),
    ('AEL308', 'sigmoid-before-logits-loss', 'aelint.rules.objective.sigmoid_before_logits_loss', 'a loss on logits receives the output of a sigmoid or softmax', 'error', 'high', (('with_logits', 'withlogits', 'cross_entropy', 'crossentropy'),), {}),
    ('AEL309', 'probability-loss-on-unbounded-output', 'aelint.rules.objective.probability_loss_on_unbounded_output', 'binary cross-entropy receives an output that is not confined to [0, 1]', 'error', 'high', (('binary_cross_entropy', 'bceloss'),), {}),
    ('AEL310', 'output-range-cannot-express-data', 'aelint.rules.objective.output_range_cannot_express_data', "the output's last activation cannot produce the range of the data", 'warning', 'high', (('sigmoid', 'tanh', 'relu', 'softmax', 'softplus'),), {}),
    ('AEL312', 'swapped-loss-operands', 'aelint.rules.objective.swapped_loss_operands', 'an asymmetric loss receives the target first and the prediction second', 'error', 'high', (('cross_entropy', 'crossentropy', 'bceloss', 'bcewithlogits', 'nll'),), {}),
    ('AEL401', 'constant-weight-fill', 'aelint.rules.optimization.constant_weight_fill', 'every weight of a layer is set to the same number, so its units stay equal', 'error', 'high', (('fill_', 'constant_', 'ones', 'full', 'uniform_', 'normal_', 'copy_', 'weight', 'data'),), {}),
    ('AEL403', 'gradients-accumulate', 'aelint.rules.optimization.gradients_accumulate', 'no gradient is cleared between two optimiser steps of a loop', 'error', 'high', (('backward',), ('step',)), {}),
    ('AEL404', 'gradients-cleared-before-step', 'aelint.rules.optimization.gradients_cleared_before_step', 'gradients are cleared after the backward pass and before the step', 'error', 'high', (('backward',), ('step',), ('grad',)), {}),
    ('AEL405', 'misplaced-step', 'aelint.rules.optimization.misplaced_step', 'a step, a clipping or a schedule stands at the wrong place of the training loop', 'warning', 'high', (('backward', 'scheduler'), ('step',)), {}),
    ('AEL406', 'severed-gradient', 'aelint.rules.optimization.severed_gradient', 'a cut on every path keeps the gradient from layers that are being trained', 'warning', 'high', (('backward',), ('step',)), {}),
    ('AEL501', 'repeated-batch', 'aelint.rules.data.repeated_batch', 'An iterator or a loop takes the same part of the data every time', 'error', 'high', (('__next__', 'yield', 'range('),), {}),
    ('AEL502', 'ignored-index', 'aelint.rules.data.ignored_index', "A data set's `__getitem__` gives the same sample for every index", 'error', 'high', (('__getitem__',),), {}),
    ('AEL503', 'first-batch-only', 'aelint.rules.data.first_batch_only', 'Every training step starts the loader anew and takes its first batch', 'warning', 'high', (('next(',), ('iter(',), ('dataloader',), ('backward',)), {}),
    ('AEL504', 'frozen-randomness', 'aelint.rules.data.frozen_randomness', "A data set's random numbers repeat for every sample, worker or epoch", 'warning', 'high', (('seed', 'randomstate', 'default_rng'), ('__getitem__', 'worker_init_fn')), {}),
    ('AEL505', 'unshuffled-training', 'aelint.rules.data.unshuffled_training', 'The training loader does not shuffle', 'advice', 'high', (('dataloader',),), {}),
    ('AEL506', 'split-overlap', 'aelint.rules.data.split_overlap', 'Held-out data is trained on, or stands under another name', 'warning', 'high', (('val', 'test', 'eval', 'train'),), {}),
    ('AEL507', 'wrong-normalization', 'aelint.rules.data.wrong_normalization', 'Pictures are normalised twice, with exchanged numbers, or for another number of channels', 'warning', 'high', (('normalize', '255', 'sub_', 'div_'),), {}),
    ('AEL508', 'mutated-sample', 'aelint.rules.data.mutated_sample', 'A data set changes its stored samples when they are read', 'warning', 'high', (('__getitem__',),), {}),
    ('AEL511', 'aliased-batch', 'aelint.rules.data.aliased_batch', 'All items of a list share one piece of memory', 'error', 'high', (('append', '] *', ']*'),), {}),
    ('AEL601', 'mode-not-restored', 'aelint.rules.inference.mode_not_restored', 'training goes on in evaluation mode, or a trained model is scored in training mode', 'warning', 'high', (('batchnorm', 'dropout'), ('backward',), ('eval', 'no_grad', 'inference_mode')), {}),
    ('AEL602', 'aliased-checkpoint', 'aelint.rules.inference.aliased_checkpoint', 'a state is kept without a copy and changes with every further training step', 'error', 'high', (('state_dict', 'best'), ('step',)), {}),
    ('AEL604', 'chained-load', 'aelint.rules.inference.chained_load', 'the result of load_state_dict, which is no model, is used as the model', 'error', 'high', (('load_state_dict',),), {}),
    ('AEL605', 'inverted-best', 'aelint.rules.inference.inverted_best', 'the model is kept as the best one when its score got worse', 'warning', 'high', (('save', 'state_dict', 'deepcopy'), ('<', '>')), {}),
    ('AEL606', 'prior-sampling', 'aelint.rules.inference.prior_sampling', 'decoded codes follow another law or scale than in training', 'warning', 'high', (('rand', 'uniform', 'encode'), ('decode', 'nn.')), {}),
    ('AEL701', 'missing-straight-through', 'aelint.rules.variants.missing_straight_through', 'Quantised vectors reach the decoder without a gradient for the encoder', 'error', 'high', (('argmin', 'argmax', 'round', '.min('),), {}),
    ('AEL702', 'misplaced-stop-gradient', 'aelint.rules.variants.misplaced_stop_gradient', 'A codebook or commitment term moves the wrong side, or nothing', 'error', 'high', (('argmin', 'argmax', '.min('), ('detach', '.data', 'no_grad')), {}),
)
