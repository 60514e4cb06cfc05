// Package line edits one line at the bottom of a terminal, below what a program
// prints meanwhile.
//
// What the screen shows is what Read returns. So the unit of editing is what a user
// sees as one character: a grapheme cluster, such as a letter with its accents or a
// family of emoji, and places are counted in columns, of which a Chinese character
// takes two. Terminals do not agree on the width of every cluster. The editor
// therefore starts each row itself, at a cluster that its own count says does not
// fit, with automatic wrapping off, and finds the cursor's column by writing the row
// up to there: a wrong count shifts nothing.
//
// The keys are those of most shells: arrows, Home, End, Ctrl-A, B, E, F, H, K, L, N,
// P, T, U and W, Alt-B, D, F and Backspace, Alt or Ctrl with an arrow. Up and Down go
// through the lines read before. Bracketed pastes go in as they are, and a line feed
// in them ends the line.
//
// Editor has no goroutine. One may Read while others Print.
package line
