// Package line edits one line at the bottom of a terminal, below the output of a program.
//
// Read returns exactly the line that the screen shows. The unit of editing is what a user
// sees as one character: a grapheme cluster, such as a letter with its accents or a family
// of emoji. Positions are counted in columns, and a Chinese character takes two.
//
// Terminals do not agree on the width of every cluster. Therefore the editor turns
// automatic wrapping off and starts each row itself, at the first cluster that does not fit
// by its own count. To find the cursor's column it writes the row up to there. So a wrong
// count shifts nothing.
//
// The keys are those of most shells: arrows, Home, End, Backspace, and Alt or Ctrl with an
// arrow. With Ctrl: A, B, E, F, H, K, L, N, P, T, U and W. With Alt: B, D, F and Backspace.
// Up and Down go through the earlier lines. Bracketed pastes are inserted as they are, and
// a line feed in them ends the line.
//
// Editor has no goroutine. One goroutine may Read while others Print.
package line
