# Weights trained by our own programs on our own engine's renders, each with its card.
pretraineddir = $(pkgdatadir)/pretrained
dist_pretrained_DATA = \
	pretrained/imitator-female.md pretrained/imitator-female.safetensors \
	pretrained/imitator-girl.md pretrained/imitator-girl.safetensors \
	pretrained/imitator-male.md pretrained/imitator-male.safetensors \
	pretrained/prior-female.md pretrained/prior-female.safetensors \
	pretrained/prior-girl.md pretrained/prior-girl.safetensors \
	pretrained/prior-male.md pretrained/prior-male.safetensors \
	pretrained/segmenter.md pretrained/segmenter.safetensors \
	pretrained/translator-female.md pretrained/translator-female.safetensors \
	pretrained/translator-girl.md pretrained/translator-girl.safetensors \
	pretrained/translator-male.md pretrained/translator-male.safetensors

# What set-up made in assets/ goes along, so that installed programs find it.
install-data-local:
	@if test -f $(top_srcdir)/assets/engine.pack; then \
	  $(MKDIR_P) $(DESTDIR)$(pkgdatadir)/assets && \
	  $(INSTALL_DATA) $(top_srcdir)/assets/engine.pack \
	    $(top_srcdir)/assets/face_recognition_model.bin \
	    $(top_srcdir)/assets/face_recognition_model-weights_manifest.json \
	    $(DESTDIR)$(pkgdatadir)/assets/; \
	fi

uninstall-local:
	rm -rf $(DESTDIR)$(pkgdatadir)/assets
