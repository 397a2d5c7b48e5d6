import blurlive

blurlive.load().extract("photo.jpg").save("clip.mp4")
