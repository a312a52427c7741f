// Runs the module of this program.
