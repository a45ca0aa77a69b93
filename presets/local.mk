# Config files of the trainers, by network and preset.
presetsdir = $(pkgdatadir)/presets
dist_presets_DATA = \
	presets/imitator-paper.json presets/imitator-small.json \
	presets/recognizer-paper.json presets/recognizer-small.json \
	presets/segmenter-paper.json presets/segmenter-small.json \
	presets/translator-paper.json presets/translator-small.json
