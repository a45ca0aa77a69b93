#include "libtensor/eigen.h"

#include <cblas.h>
#include <math.h>
#include <stdlib.h>

/* LAPACK's, Fortran's way: everything by address, text lengths at the end. */
void dsyevd_(const char *jobz, const char *uplo, const blasint *n, double *a, const blasint *lda,
             double *w, double *work, const blasint *lwork, blasint *iwork, const blasint *liwork,
             blasint *info, size_t jobz_length, size_t uplo_length);

static void swap(double *a, double *b, int n)
{
    for (int i = 0; i < n; i++) {
        double kept = a[i];
        a[i] = b[i];
        b[i] = kept;
    }
}

static void fix_sign(double *v, int n)
{
    int greatest = 0;

    for (int i = 1; i < n; i++) {
        greatest = fabs(v[i]) > fabs(v[greatest]) + 1e-9 ? i : greatest;
    }
    const double sign = v[greatest] < 0 ? -1 : 1;
    for (int i = 0; i < n; i++) {
        v[i] *= sign;
    }
}

bool symmetric_eigen(int n, double *a, double *value, Error *err)
{
    blasint size = n, info = 0, lwork = 1 + 6 * n + 2 * n * n, liwork = 3 + 5 * n;
    double *work = malloc((size_t)lwork * sizeof *work);
    blasint *iwork = malloc((size_t)liwork * sizeof *iwork);
    bool ok = (work && iwork) || error_set(err, "out of memory for the eigenvalues of a matrix");

    if (ok) {
        /* Column-major and rising: rows of ours, to be turned round. */
        dsyevd_("V", "U", &size, a, &size, value, work, &lwork, iwork, &liwork, &info, 1, 1);
        ok = info == 0 ||
             error_set(err, "the eigenvalues of a %d x %d matrix do not converge", n, n);
    }
    for (int i = 0; ok && i < n / 2; i++) {
        swap(a + (size_t)i * (size_t)n, a + (size_t)(n - 1 - i) * (size_t)n, n);
        swap(value + i, value + n - 1 - i, 1);
    }
    for (int i = 0; ok && i < n; i++) {
        fix_sign(a + (size_t)i * (size_t)n, n);
    }
    free(work);
    free(iwork);
    return ok;
}
