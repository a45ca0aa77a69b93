/* Characters for Blender, Unity, Unreal and three.js: binary glTF 2.0. */
#ifndef ENGINE_GLTF_H
#define ENGINE_GLTF_H

#include "engine/engine.h"

/* Writes the character x as a .glb, atomically: the deformed head, eyes, teeth, tongue, lashes,
 * brows, beard and hair, a mesh each, in metres, +y up and +z forward, with smooth normals, and the
 * colours that the renderer paints (make-up, stubble, dyed hair) in embedded textures. Hair and
 * beards come twice: NAME has their dense strands, alpha-tested, and NAME-fringe blends the soft
 * ends over it and may be left out. The neck ends open, where a body may be joined. The root node's
 * extras hold the character as in its file (character.h). Of the embedded engine only: the others
 * give pictures. */
bool engine_export_glb(const Engine *engine, const float *x, const char *path, Error *err);

#endif
