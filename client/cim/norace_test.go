//go:build !race

package main

// raceEnabled says that everything is some ten times slower.
const raceEnabled = false
