/* A thin shim: no dlib type and no exception leaves this file. */
extern "C" {
#include "datasets/face.h"
}

#include <algorithm>
#include <cmath>
#include <exception>
#include <memory>
#include <vector>

#include <dlib/image_processing.h>
#include <dlib/image_processing/frontal_face_detector.h>
#include <dlib/pixel.h>

struct FaceDetector {
    dlib::frontal_face_detector detector;
    std::shared_ptr<const dlib::shape_predictor> landmarks;
};

namespace
{

/* Longest side the search works at, in the order tried. The detector's window is 80 pixels a side;
 * the larger one finds small faces, at four times the time, and only pictures without a face at the
 * first pay for it. */
const int search_side[] = {900, 1800};
/* Small pictures are enlarged at least this much, so that a face that fills them fills the window.
 */
const int least_side = 480;

/* An image scaled for the search, in dlib's terms. */
class Scaled
{
  public:
    Scaled(const Image &image, int side)
    {
        const int longest = std::max(image.width, image.height);
        const double s = static_cast<double>(side) / longest;
        Image small = {};
        Error err;
        if (!image_new(&small, std::max(1, static_cast<int>(image.width * s + .5)),
                       std::max(1, static_cast<int>(image.height * s + .5)), &err))
            throw std::bad_alloc();
        image_resize(&small, &image);
        try {
            pixels.set_size(small.height, small.width);
        } catch (...) {
            image_free(&small);
            throw;
        }
        const uint8_t *p = small.pixel;
        for (long y = 0; y < pixels.nr(); y++)
            for (long x = 0; x < pixels.nc(); x++, p += 3)
                pixels[y][x] = dlib::rgb_pixel(p[0], p[1], p[2]);
        scale_x = static_cast<float>(image.width) / static_cast<float>(small.width);
        scale_y = static_cast<float>(image.height) / static_cast<float>(small.height);
        image_free(&small);
    }

    dlib::array2d<dlib::rgb_pixel> pixels;
    float scale_x, scale_y; /* back to the caller's pixels */
};

/* dlib counts pixels by their centres: its (0, 0) is our (.5, .5). */
float to_image(double v, float scale)
{
    return (static_cast<float>(v) + .5f) * scale;
}

Face make_face(const dlib::rect_detection &found, const dlib::full_object_detection &shape,
               const Scaled &scaled)
{
    Face face = {};
    face.left = static_cast<float>(found.rect.left()) * scaled.scale_x;
    face.top = static_cast<float>(found.rect.top()) * scaled.scale_y;
    face.right = static_cast<float>(found.rect.right() + 1) * scaled.scale_x;
    face.bottom = static_cast<float>(found.rect.bottom() + 1) * scaled.scale_y;
    face.score = static_cast<float>(found.detection_confidence);
    for (unsigned k = 0; k < FACE_LANDMARKS; k++) {
        face.landmark[2 * k] = to_image(shape.part(k).x(), scaled.scale_x);
        face.landmark[2 * k + 1] = to_image(shape.part(k).y(), scaled.scale_y);
    }
    return face;
}

float area(const Face &f)
{
    return (f.right - f.left) * (f.bottom - f.top);
}

std::vector<Face> search(FaceDetector &detector, const Image &image, int side)
{
    Scaled scaled(image, side);
    std::vector<dlib::rect_detection> found;
    std::vector<Face> faces;
    detector.detector(scaled.pixels, found);
    for (const auto &f : found)
        faces.push_back(make_face(f, (*detector.landmarks)(scaled.pixels, f.rect), scaled));
    std::stable_sort(faces.begin(), faces.end(),
                     [](const Face &a, const Face &b) { return area(a) > area(b); });
    return faces;
}

} // namespace

bool face_detector_open(FaceDetector **detector, const char *landmark_model_path, Error *err)
{
    try {
        auto made = std::make_unique<FaceDetector>();
        made->detector = dlib::get_frontal_face_detector();
        auto landmarks = std::make_shared<dlib::shape_predictor>();
        dlib::deserialize(landmark_model_path) >> *landmarks;
        if (landmarks->num_parts() != FACE_LANDMARKS)
            return error_set(err, "%s places %lu landmarks, but 68 are needed", landmark_model_path,
                             landmarks->num_parts());
        made->landmarks = landmarks;
        *detector = made.release();
        return true;
    } catch (const std::exception &e) {
        return error_set(
            err, "the landmark model %s cannot be read (%s); Debian's package libdlib-data has it",
            landmark_model_path, e.what());
    }
}

bool face_detector_share(FaceDetector **detector, const FaceDetector *with, Error *err)
{
    try {
        *detector = new FaceDetector(*with);
        return true;
    } catch (const std::exception &) {
        return error_set(err, "out of memory for another face detector");
    }
}

void face_detector_close(FaceDetector *detector)
{
    delete detector;
}

bool face_landmarks(const FaceDetector *detector, const Image *image, Face *face, Error *err)
{
    try {
        const int longest = std::max(image->width, image->height);
        Scaled scaled(*image, std::clamp(longest, least_side, search_side[0]));
        const dlib::rectangle box(std::lround(face->left / scaled.scale_x),
                                  std::lround(face->top / scaled.scale_y),
                                  std::lround(face->right / scaled.scale_x) - 1,
                                  std::lround(face->bottom / scaled.scale_y) - 1);
        const auto shape = (*detector->landmarks)(scaled.pixels, box);
        for (unsigned k = 0; k < FACE_LANDMARKS; k++) {
            face->landmark[2 * k] = to_image(shape.part(k).x(), scaled.scale_x);
            face->landmark[2 * k + 1] = to_image(shape.part(k).y(), scaled.scale_y);
        }
        return true;
    } catch (const std::exception &e) {
        return error_set(err, "the search for landmarks failed: %s", e.what());
    }
}

bool face_detect(FaceDetector *detector, const Image *image, Face *face, int max, int *n,
                 Error *err)
{
    try {
        const int longest = std::max(image->width, image->height);
        std::vector<Face> faces;
        int done = 0;
        for (int most : search_side) {
            /* The first round works at the picture's own size if it can, the second enlarges. */
            int side = most == search_side[0] ? std::clamp(longest, least_side, most) : most;
            if (side == done)
                continue;
            done = side;
            faces = search(*detector, *image, side);
            if (!faces.empty())
                break;
        }
        *n = std::min(max, static_cast<int>(faces.size()));
        std::copy_n(faces.begin(), *n, face);
        return true;
    } catch (const std::exception &e) {
        return error_set(err, "the face search failed: %s", e.what());
    }
}
