"""Training data: photos in memory, motions, and the synthesis of blurred photos with their sharp frames."""
