// Package line edits one line at the bottom of a terminal, below the output of a program.
//
// Read returns exactly the line that the screen shows. The unit of editing is what a user
// sees as one character: a grapheme cluster, such as a letter with its accents or a family
// of emoji. Positions are counted in columns, and a Chinese character takes two columns.
//
// Terminals do not agree on the width of every grapheme cluster. Therefore the editor
// turns automatic wrapping off and begins each row itself. A row begins with the first
// cluster that, by the editor's own count, does not fit into the row before. To put the
// cursor into its column, the editor writes the row again up to that column. So a wrong
// count does not move the cursor to a wrong place.
//
// The keys are those of most shells: arrows, Home, End, Backspace, and Alt or Ctrl with
// an arrow. With Ctrl: A, B, E, F, H, K, L, N, P, T, U and W. With Alt: B, D, F and
// Backspace. Up and Down go through the earlier lines. A bracketed paste is inserted
// unchanged, but a line feed in it ends the line.
//
// Editor has no goroutine. One goroutine may call Read while others call Print.
package line
