# Weights trained by our own programs on our own engine's renders, each with its card.
