// The optimizers of torch.optim, and the L2 penalty and clipping of the gradient before them.
#pragma once

#include <cmath>

enum Optimizer : int { ADAM, ADAMW, RMSPROP, SGD };

// Hyperparameters of one network; infinite bounds do not clip.
struct Settings {
    int optimizer;
    double beta1, beta2, eps, weight_decay, alpha, momentum, dampening;
    double l2, clip_value, clip_norm;
};

template <class S>
static void limit_gradient(const Settings& settings, const S* values, S* gradient, int count) {
    if (settings.l2 != 0)
        for (int i = 0; i < count; i++) gradient[i] += values[i] * S(settings.l2);
    if (!std::isinf(settings.clip_value)) {
        const S bound = S(settings.clip_value);
        for (int i = 0; i < count; i++)
            gradient[i] = gradient[i] > bound ? bound : gradient[i] < -bound ? -bound : gradient[i];
    }
    if (!std::isinf(settings.clip_norm)) {
        double squares = 0;
        for (int i = 0; i < count; i++) squares += double(gradient[i]) * gradient[i];
        const S total = S(squares);  // overflows to infinity as in torch: such a gradient becomes zero
        const double factor = std::isinf(total) ? 0 : settings.clip_norm / (std::sqrt(squares) + 1e-6);
        if (!(factor >= 1))
            for (int i = 0; i < count; i++) gradient[i] *= S(factor);
    }
}

// Makes one step after `made` earlier ones; `first` and `second` are the optimizer's state.
template <class S>
static void optimizer_step(const Settings& settings, S* values, S* gradient, S* first, S* second, int count, long made,
                           double rate) {
    const S decay = S(settings.weight_decay);
    if (settings.optimizer == ADAMW) {
        for (int i = 0; i < count; i++) values[i] *= S(1 - rate * settings.weight_decay);
    } else if (decay != 0) {
        for (int i = 0; i < count; i++) gradient[i] += values[i] * decay;
    }
    if (settings.optimizer == ADAM || settings.optimizer == ADAMW) {
        const S beta2 = S(settings.beta2), one_minus_beta1 = S(1 - settings.beta1),
                one_minus_beta2 = S(1 - settings.beta2);
        const S eps = S(settings.eps);
        const S size = S(rate / -std::expm1((made + 1) * std::log(settings.beta1)));
        const S root = S(1 / std::sqrt(-std::expm1((made + 1) * std::log(settings.beta2))));
        for (int i = 0; i < count; i++) {
            const S g = gradient[i];
            first[i] += (g - first[i]) * one_minus_beta1;
            second[i] = second[i] * beta2 + one_minus_beta2 * g * g;  // in torch's order, which decides what overflows
            values[i] -= size * first[i] / (std::sqrt(second[i]) * root + eps);
        }
    } else if (settings.optimizer == RMSPROP) {
        const S alpha = S(settings.alpha), one_minus_alpha = S(1 - settings.alpha), eps = S(settings.eps);
        const S momentum = S(settings.momentum), size = S(rate);
        for (int i = 0; i < count; i++) {
            const S g = gradient[i];
            first[i] = first[i] * alpha + one_minus_alpha * g * g;
            second[i] = second[i] * momentum + g / (std::sqrt(first[i]) + eps);
            values[i] -= size * second[i];
        }
    } else {
        const S momentum = S(settings.momentum), size = S(rate),
                share = S(momentum != 0 && made > 0 ? 1 - settings.dampening : 1);
        for (int i = 0; i < count; i++) {
            first[i] = made > 0 ? first[i] * momentum + gradient[i] * share : gradient[i];
            values[i] -= size * first[i];
        }
    }
}
