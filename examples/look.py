import numpy as np

import blurlive

model = blurlive.load()
pixels = np.asarray(blurlive.load_photo("photo.jpg", max_side=1600).pixels)
clip = model.extract(pixels)  # or a path, bytes, an open file, a Pillow image

print(clip.frames.shape, clip.frames.dtype)  # (7, H, W, 3) uint8, RGB, in time order
clip.pillow()[3].save("centre.png")
clip.save("clip.gif", "clip.webm", "frames/", fps=12, boomerang=True)
