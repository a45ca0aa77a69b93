# pretrained
