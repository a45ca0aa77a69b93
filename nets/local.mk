# nets
