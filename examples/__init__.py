"""What people build with AuthPlane, runnable as it stands."""
