// The losses of tasks with fixed data, on a tile, and their gradients with respect to the outputs.
#pragma once

#include "tile.h"

enum Loss : int { BINARY, CLASSES, SQUARED };

// (1 - p^q) / q and p^q, of `nats` = -log p; for q = 0 the cross-entropy itself (Zhang & Sabuncu 2018).
template <class S>
INLINE Vec<S> generalized(Vec<S> nats, S q, Vec<S>& factor) {
    if (q == S(0)) {
        factor = splat<S>(S(1));
        return nats;
    }
    Vec<S> scale, rest;
    split_exp<S>(clamped<S>(-q * nats), scale, rest);
    Vec<S> expm1 = scale * rest + (scale - S(1));
    factor = S(1) + expm1;
    return -expm1 / q;
}

// The weighted loss of a tile's samples; `outputs` becomes its gradient. For BINARY and CLASSES targets are classes.
template <class S>
static Vec<S> loss_of_tile(int kind, S* outputs, int rows, const S* targets, const S* weights, S q) {
    constexpr int L = LANES<S>, W = WIDTH<S>;
    Vec<S> sum{};
    for (int v = 0; v < L; v += W) {
        Vec<S> target = load<S>(targets + v), weight = load<S>(weights + v), factor;
        if (kind == SQUARED) {
            Vec<S> error = load<S>(outputs + v) - target;
            sum += weight * error * error;
            store<S>(outputs + v, S(2) * weight * error);
        } else if (kind == BINARY) {
            Vec<S> sign = S(2) * target - S(1), z = load<S>(outputs + v) * sign, e = exp_of<S>(-absolute<S>(z));
            Vec<S> nats = log1p_of<S>(e) + (z < S(0) ? -z : Vec<S>{});
            Vec<S> wrong = (z < S(0) ? splat<S>(S(1)) : e) / (S(1) + e);
            sum += weight * generalized<S>(nats, q, factor);
            store<S>(outputs + v, -weight * factor * wrong * sign);
        } else {
            Vec<S> most = load<S>(outputs + v), total{}, own{};
            for (int r = 1; r < rows; r++) {
                Vec<S> z = load<S>(outputs + r * L + v);
                most = z > most ? z : most;
            }
            for (int r = 0; r < rows; r++) {
                Vec<S> z = load<S>(outputs + r * L + v) - most, e = exp_of<S>(z);
                own = target == S(r) ? z : own;
                total += e;
                store<S>(outputs + r * L + v, e);
            }
            Vec<S> log_total;
            for (int i = 0; i < W; i++) log_total[i] = std::log(total[i]);
            sum += weight * generalized<S>(log_total - own, q, factor);
            factor *= weight;
            for (int r = 0; r < rows; r++) {
                Vec<S> p = load<S>(outputs + r * L + v) / total;
                store<S>(outputs + r * L + v, factor * (p - (target == S(r) ? splat<S>(S(1)) : Vec<S>{})));
            }
        }
    }
    return sum;
}
