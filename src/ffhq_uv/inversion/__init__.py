"""From a photograph to its W+ code: step 1 of FFHQ-UV, the face found, aligned and encoded by e4e."""
