"""When something recurs: triggers as they are asked for, and the local times they name."""
