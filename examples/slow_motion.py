import blurlive

slow = blurlive.load().slowmo("photo.jpg", iters=2)
print(len(slow))  # 42; none is made yet
slow.save("slow.mp4")  # each frame is written as soon as it is made
