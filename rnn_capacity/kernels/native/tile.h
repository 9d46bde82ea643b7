// Matrix products on a tile: rows of LANES samples, kept in registers until their activation is applied.
#pragma once

#include <utility>

#include "vector.h"

#define UNROLL _Pragma("GCC unroll 16")

// Rows, and vectors of a row, that fit into the registers at once.
#if VECTOR_BYTES == 64
constexpr int BLOCK_ROWS = 6, BLOCK_VECTORS = 4, OUTER_ROWS = 4, OUTER_COLUMNS = 4;
#else
constexpr int BLOCK_ROWS = 4, BLOCK_VECTORS = 2, OUTER_ROWS = 4, OUTER_COLUMNS = 2;
#endif
constexpr int OUTER_SIZE = OUTER_ROWS * OUTER_COLUMNS;

// A product of a matrix and the rows of a tile: `columns` numbers of every matrix row, `row_stride` and `column_stride`
// apart.
template <class S>
struct Product {
    const S* weight;
    ptrdiff_t row_stride, column_stride;
    const S* rows;
    int columns;
};

template <class S, int R, int A>
INLINE void product_block(S* out, const S* bias, const S* start, const Product<S>* products, int count, int row) {
    constexpr int L = LANES<S>, W = WIDTH<S>;
    for (int group = 0; group < VECTORS; group += BLOCK_VECTORS) {
        Vec<S> sum[R][BLOCK_VECTORS];
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) sum[r][v] =
            start ? load<S>(start + r * L + (group + v) * W) : splat<S>(bias ? bias[r] : S(0));
        for (int p = 0; p < count; p++) {
            const Product<S>& one = products[p];
            const S* weight = one.weight + row * one.row_stride;
            for (int j = 0; j < one.columns; j++) {
                Vec<S> x[BLOCK_VECTORS];
                UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) x[v] = load<S>(one.rows + j * L + (group + v) * W);
                UNROLL for (int r = 0; r < R; r++) {
                    S w = weight[r * one.row_stride + j * one.column_stride];
                    UNROLL for (int v = 0; v < BLOCK_VECTORS; v++) sum[r][v] += w * x[v];
                }
            }
        }
        UNROLL for (int r = 0; r < R; r++) UNROLL for (int v = 0; v < BLOCK_VECTORS; v++)
            store<S>(out + r * L + (group + v) * W, activate<S, A>(sum[r][v]));
    }
}

template <class S, int R, int A>
INLINE int product_blocks(S* out, int rows, const S* bias, const S* start, const Product<S>* products, int count,
                          int row, int i) {
    constexpr int L = LANES<S>;
    for (; i + R <= rows; i += R)
        product_block<S, R, A>(out + i * L, bias ? bias + i : bias, start ? start + i * L : start, products, count,
                               row + i);
    return i;
}

// Divides the rows into blocks of about the same height.
template <class S, int A>
static void product_rows(S* out, int rows, const S* bias, const S* start, const Product<S>* products, int count,
                         int row) {
    const int blocks = (rows + BLOCK_ROWS - 1) / BLOCK_ROWS, height = blocks ? rows / blocks : 0,
              higher = blocks ? rows % blocks : 0;
    int i = 0;
    for (int block = 0; block < blocks; block++) {
        const int end = i + height + (block < higher);
        switch (end - i) {
            case 1:
                i = product_blocks<S, 1, A>(out, end, bias, start, products, count, row, i);
                break;
            case 2:
                i = product_blocks<S, 2, A>(out, end, bias, start, products, count, row, i);
                break;
            case 3:
                i = product_blocks<S, 3, A>(out, end, bias, start, products, count, row, i);
                break;
            case 4:
                i = product_blocks<S, 4, A>(out, end, bias, start, products, count, row, i);
                break;
#if VECTOR_BYTES == 64
            case 5:
                i = product_blocks<S, 5, A>(out, end, bias, start, products, count, row, i);
                break;
            case 6:
                i = product_blocks<S, 6, A>(out, end, bias, start, products, count, row, i);
                break;
#endif
        }
    }
}

// out = activation(start + sum of products), rows `row` to `row + rows` of the matrices. The start is a number a row
// (`bias`), a tile of rows (`start`), or zero.
template <class S>
static void multiply(S* out, int rows, const S* bias, const S* start, const Product<S>* products, int count,
                     int row = 0, int activation = IDENTITY) {
    switch (activation) {
        case TANH:
            return product_rows<S, TANH>(out, rows, bias, start, products, count, row);
        case RELU:
            return product_rows<S, RELU>(out, rows, bias, start, products, count, row);
        case SIGMOID:
            return product_rows<S, SIGMOID>(out, rows, bias, start, products, count, row);
        default:
            return product_rows<S, IDENTITY>(out, rows, bias, start, products, count, row);
    }
}

// Adds neighbours, STEP numbers apart: where bit STEP of a place is 0 the result is of `one`, where it is 1 of `two`.
template <class S, int STEP, int... I>
INLINE Vec<S> fold(Vec<S> one, Vec<S> two, std::integer_sequence<int, I...>) {
    constexpr int W = WIDTH<S>;
#ifdef __clang__
    return __builtin_shufflevector(one, two, (I & STEP ? W + I : I)...) +
           __builtin_shufflevector(one, two, (I & STEP ? W + (I ^ STEP) : I ^ STEP)...);
#else
    return __builtin_shuffle(one, two, Ints<S>{(I & STEP ? W + I : I)...}) +
           __builtin_shuffle(one, two, Ints<S>{(I & STEP ? W + (I ^ STEP) : I ^ STEP)...});
#endif
}

// Sums COUNT <= WIDTH vectors: number i of the result is the sum of vector i.
template <class S, int COUNT, int STEP = 1>
INLINE Vec<S> sums_of(Vec<S>* vectors) {
    constexpr std::make_integer_sequence<int, WIDTH<S>> lanes{};
    UNROLL for (int i = 0; i < COUNT / 2; i++) vectors[i] = fold<S, STEP>(vectors[2 * i], vectors[2 * i + 1], lanes);
    if (COUNT % 2) vectors[COUNT / 2] = fold<S, STEP>(vectors[COUNT - 1], Vec<S>{}, lanes);
    if constexpr (2 * STEP < WIDTH<S>) return sums_of<S, (COUNT + 1) / 2, 2 * STEP>(vectors);
    return vectors[0];
}

// Adds the sum of each of COUNT vectors to one of COUNT numbers.
template <class S, int COUNT>
INLINE void add_sums(S* to, Vec<S>* vectors) {
    constexpr int W = WIDTH<S>;
    constexpr int FIRST = COUNT < W ? COUNT : W;
    store<S>(to, load<S>(to) + sums_of<S, FIRST>(vectors));
    if constexpr (COUNT > W) add_sums<S, COUNT - W>(to + W, vectors + W);
}

// The numbers of a weight's gradient are summed in blocks of OUTER_ROWS x OUTER_COLUMNS, OUTER_SIZE apart.
constexpr int blocks_of(int rows, int columns) {
    return ((rows + OUTER_ROWS - 1) / OUTER_ROWS) * ((columns + OUTER_COLUMNS - 1) / OUTER_COLUMNS);
}

template <class S, int R, int C>
static void outer_block(S* sums, const S* left, ptrdiff_t left_step, const S* right, ptrdiff_t right_step, int times) {
    constexpr int L = LANES<S>, W = WIDTH<S>;
    Vec<S> sum[R * C];
    UNROLL for (int i = 0; i < R * C; i++) sum[i] = Vec<S>{};
    for (int t = 0; t < times; t++, left += left_step, right += right_step)
        for (int v = 0; v < VECTORS; v++) {
            Vec<S> x[C];
            UNROLL for (int c = 0; c < C; c++) x[c] = load<S>(right + c * L + v * W);
            UNROLL for (int r = 0; r < R; r++) {
                Vec<S> d = load<S>(left + r * L + v * W);
                UNROLL for (int c = 0; c < C; c++) sum[r * C + c] += d * x[c];
            }
        }
    add_sums<S, R * C>(sums, sum);
}

template <class S, int R>
static void outer_rows(S* sums, const S* left, ptrdiff_t left_step, const S* right, ptrdiff_t right_step, int times,
                       int columns) {
    constexpr int L = LANES<S>;
    int j = 0;
    for (; j + OUTER_COLUMNS <= columns; j += OUTER_COLUMNS, sums += OUTER_SIZE)
        outer_block<S, R, OUTER_COLUMNS>(sums, left, left_step, right + j * L, right_step, times);
    switch (columns - j) {
        case 1:
            outer_block<S, R, 1>(sums, left, left_step, right + j * L, right_step, times);
            break;
#if VECTOR_BYTES == 64
        case 2:
            outer_block<S, R, 2>(sums, left, left_step, right + j * L, right_step, times);
            break;
        case 3:
            outer_block<S, R, 3>(sums, left, left_step, right + j * L, right_step, times);
            break;
#endif
    }
}

// Adds the sum over samples and times of left (rows) x right (columns) to a gradient in blocks.
template <class S>
static void outer(S* sums, const S* left, ptrdiff_t left_step, const S* right, ptrdiff_t right_step, int times,
                  int rows, int columns) {
    constexpr int L = LANES<S>;
    const int width = blocks_of(1, columns) * OUTER_SIZE;
    int i = 0;
    for (; i + OUTER_ROWS <= rows; i += OUTER_ROWS, sums += width)
        outer_rows<S, OUTER_ROWS>(sums, left + i * L, left_step, right, right_step, times, columns);
    switch (rows - i) {
        case 1:
            outer_rows<S, 1>(sums, left + i * L, left_step, right, right_step, times, columns);
            break;
        case 2:
            outer_rows<S, 2>(sums, left + i * L, left_step, right, right_step, times, columns);
            break;
        case 3:
            outer_rows<S, 3>(sums, left + i * L, left_step, right, right_step, times, columns);
            break;
    }
}

// Adds a gradient in blocks to a matrix of `stride` columns.
template <class S>
static void add_blocks(S* matrix, ptrdiff_t stride, const S* sums, int rows, int columns) {
    for (int i = 0; i < rows; i += OUTER_ROWS)
        for (int j = 0; j < columns; j += OUTER_COLUMNS, sums += OUTER_SIZE) {
            const int height = rows - i < OUTER_ROWS ? rows - i : OUTER_ROWS;
            const int width = columns - j < OUTER_COLUMNS ? columns - j : OUTER_COLUMNS;
            for (int r = 0; r < height; r++)
                for (int c = 0; c < width; c++) matrix[(i + r) * stride + j + c] += sums[r * width + c];
        }
}

// Adds the sum over samples and times of each row to `sums`, which has room for a multiple of WIDTH numbers.
template <class S>
static void add_row_sums(S* sums, const S* rows, int count, ptrdiff_t step, int times) {
    constexpr int L = LANES<S>, W = WIDTH<S>;
    for (int i = 0; i < count; i += W) {
        const int height = count - i < W ? count - i : W;
        Vec<S> sum[W];
        for (int r = 0; r < W; r++) {
            sum[r] = Vec<S>{};
            if (r < height)
                for (int t = 0; t < times; t++)
                    for (int v = 0; v < VECTORS; v++) sum[r] += load<S>(rows + t * step + (i + r) * L + v * W);
        }
        add_sums<S, W>(sums + i, sum);
    }
}

constexpr int padded(int count) { return (count + 15) / 16 * 16; }
