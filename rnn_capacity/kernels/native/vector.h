// Vector types of the compiler, and the elementwise functions of the cells on them.
//
// A tile is a block of samples; the values of one unit for all samples of a tile are a row of ROW_BYTES bytes. The
// code is written with the vector extensions of GCC and Clang, so that one source serves every instruction set: the
// width of a vector follows from the compiler's flags.
#pragma once

#include <cmath>
#include <cstddef>
#include <cstdint>
#include <cstring>

#if defined(__AVX512F__)
#define VECTOR_BYTES 64
#elif defined(__AVX2__)
#define VECTOR_BYTES 32
#else
#define VECTOR_BYTES 16
#endif

constexpr int ROW_BYTES = 256;
constexpr int VECTORS = ROW_BYTES / VECTOR_BYTES;  // of a row

template <class S>
struct Types;

template <>
struct Types<float> {
    typedef float Vector __attribute__((vector_size(VECTOR_BYTES)));
    typedef int32_t Integers __attribute__((vector_size(VECTOR_BYTES)));
    typedef int32_t Integer;
    static constexpr int mantissa_bits = 23, bias = 127, exp_terms = 5, log_terms = 7;
    static constexpr float shift = 12582912.0f;  // 1.5 * 2^23: adding it rounds to an integer in the low bits
    static constexpr float ln2_high = 0.693145751953125f, ln2_low = 1.42860676533018e-6f;
    static constexpr float least_exponent = -87.3365f;  // exp of smaller numbers is denormal
    // (exp(r) - 1 - r) / r^2 for |r| <= ln(2) / 2, to a relative error of 3e-9 in exp(r)
    static constexpr float exp[] = {0.499999934320991f, 0.1666652039884658f, 0.04166839078966102f,
                                    0.008368745127126102f, 0.0013814539879778056f};
    // tanh(x / 2) = x p(x^2) / q(x^2) for |x| <= 9.2; tanh(x) = 2 t / (1 + t^2) forgives their error where it is close
    // to 1
    static constexpr float tanh_p[] = {3.727163314819336f, 0.11809612065553665f, 0.0006145145744085312f,
                                       3.521255678151647e-07f};
    static constexpr float tanh_q[] = {7.454326629638672f, 0.8573861122131348f, 0.010558491572737694f,
                                       2.15812378883129e-05f};
};

template <>
struct Types<double> {
    typedef double Vector __attribute__((vector_size(VECTOR_BYTES)));
    typedef int64_t Integers __attribute__((vector_size(VECTOR_BYTES)));
    typedef int64_t Integer;
    static constexpr int mantissa_bits = 52, bias = 1023, exp_terms = 12, log_terms = 17;
    static constexpr double shift = 6755399441055744.0;  // 1.5 * 2^52
    static constexpr double ln2_high = 0.693147180369123816490, ln2_low = 1.90821492927058770002e-10;
    static constexpr double least_exponent = -708.3;
    static constexpr double exp[] = {1.0 / 2,         1.0 / 6,         1.0 / 24,     1.0 / 120,     1.0 / 720,
                                     1.0 / 5040,      1.0 / 40320,     1.0 / 362880, 1.0 / 3628800, 1.0 / 39916800,
                                     1.0 / 479001600, 1.0 / 6227020800};  // of Taylor's series
};

template <class S>
using Vec = typename Types<S>::Vector;
template <class S>
using Ints = typename Types<S>::Integers;

template <class S>
constexpr int WIDTH = VECTOR_BYTES / sizeof(S);  // numbers of a vector
template <class S>
constexpr int LANES = ROW_BYTES / sizeof(S);  // samples of a tile

#define INLINE static inline __attribute__((always_inline))

template <class S>
INLINE Vec<S> load(const S* from) {
    return *reinterpret_cast<const Vec<S>*>(from);
}
template <class S>
INLINE void store(S* to, Vec<S> values) {
    *reinterpret_cast<Vec<S>*>(to) = values;
}
template <class S>
INLINE Vec<S> splat(S value) {
    return value - Vec<S>{};
}
template <class S>
INLINE Ints<S> bits(Vec<S> values) {
    return (Ints<S>)values;
}
template <class S>
INLINE Vec<S> from_bits(Ints<S> values) {
    return (Vec<S>)values;
}
template <class S>
INLINE Vec<S> absolute(Vec<S> x) {
    return from_bits<S>(bits<S>(x) & ~(Ints<S>{} + (typename Types<S>::Integer(1) << (8 * sizeof(S) - 1))));
}
template <class S>
INLINE Vec<S> with_sign_of(Vec<S> x, Vec<S> sign) {
    return from_bits<S>(bits<S>(x) |
                        (bits<S>(sign) & (Ints<S>{} + (typename Types<S>::Integer(1) << (8 * sizeof(S) - 1)))));
}

// Splits exp(y) for least_exponent <= y <= 0 into a power of two and expm1 of the rest: exp(y) = scale * (1 + rest).
template <class S>
INLINE void split_exp(Vec<S> y, Vec<S>& scale, Vec<S>& rest) {
    using T = Types<S>;
    Vec<S> shifted = y * S(1.44269504088896340736) + T::shift;
    Vec<S> k = shifted - T::shift;
    Vec<S> r = y - k * T::ln2_high - k * T::ln2_low;
    Vec<S> p = splat<S>(T::exp[T::exp_terms - 1]);
#pragma GCC unroll 16
    for (int n = T::exp_terms - 2; n >= 0; n--) p = p * r + T::exp[n];
    rest = r + (r * r) * p;
    scale = from_bits<S>((bits<S>(shifted) + T::bias) << T::mantissa_bits);  // the shift's own bits leave at the top
}

template <class S>
INLINE Vec<S> clamped(Vec<S> y) {
    return y < Types<S>::least_exponent ? splat<S>(Types<S>::least_exponent) : y;  // NaN stays NaN
}

template <class S>
INLINE Vec<S> tanh_of(Vec<S> x) {
    if constexpr (sizeof(S) == 4) {
        using T = Types<S>;
        Vec<S> size = absolute<S>(x);
        size = S(9.2) < size ? splat<S>(S(9.2)) : size;  // NaN stays NaN
        Vec<S> square = size * size, p = splat<S>(T::tanh_p[3]), q = splat<S>(T::tanh_q[3]);
#pragma GCC unroll 4
        for (int n = 2; n >= 0; n--) p = p * square + T::tanh_p[n], q = q * square + T::tanh_q[n];
        p *= size;
        Vec<S> product = p * q;
        return with_sign_of<S>((product + product) / (p * p + q * q), x);
    }
    Vec<S> scale, rest;
    split_exp<S>(clamped<S>(S(-2) * absolute<S>(x)), scale, rest);
    Vec<S> expm1 = scale * rest + (scale - S(1));
    return with_sign_of<S>(-expm1 / (S(2) + expm1), x);
}

template <class S>
INLINE Vec<S> sigmoid_of(Vec<S> x) {
    Vec<S> scale, rest, y = -absolute<S>(x);
    split_exp<S>(clamped<S>(y), scale, rest);
    Vec<S> e = scale * (S(1) + rest);  // a product with `rest` could be a denormal number
    e = y < Types<S>::least_exponent ? Vec<S>{} : e;  // denormal numbers are flushed to zero
    return (x < S(0) ? e : splat<S>(S(1))) / (S(1) + e);
}

// exp(y) for y <= 0.
template <class S>
INLINE Vec<S> exp_of(Vec<S> y) {
    Vec<S> scale, rest;
    split_exp<S>(clamped<S>(y), scale, rest);
    Vec<S> e = scale * (S(1) + rest);  // a product with `rest` could be a denormal number
    return y < Types<S>::least_exponent ? Vec<S>{} : e;
}

// log(1 + t) for 0 <= t <= 1, as 2 atanh(t / (2 + t)).
template <class S>
INLINE Vec<S> log1p_of(Vec<S> t) {
    Vec<S> s = t / (S(2) + t), square = s * s;
    Vec<S> p = splat<S>(S(1) / S(2 * Types<S>::log_terms + 1));
#pragma GCC unroll 20
    for (int n = Types<S>::log_terms - 1; n >= 0; n--) p = p * square + S(1) / S(2 * n + 1);
    return S(2) * s * p;
}

enum Activation : int { IDENTITY, TANH, RELU, SIGMOID };

template <class S, int A>
INLINE Vec<S> activate(Vec<S> x) {
    if (A == TANH) return tanh_of<S>(x);
    if (A == SIGMOID) return sigmoid_of<S>(x);
    if (A == RELU) return x <= S(0) ? Vec<S>{} : x;  // NaN stays NaN
    return x;
}

// The derivative of an activation as a function of its value.
template <class S>
INLINE Vec<S> slope(int activation, Vec<S> value) {
    if (activation == TANH) return S(1) - value * value;
    return value > S(0) ? splat<S>(S(1)) : Vec<S>{};
}
