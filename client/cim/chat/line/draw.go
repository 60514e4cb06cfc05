package line

import (
	"strconv"
	"strings"

	"github.com/clipperhouse/displaywidth"
)

// layout is a prompt and a line cut into rows.
type layout struct {
	rows   []string
	widths []int  // columns
	row    int    // of the cursor
	ahead  string // what stands in front of the cursor in its row
	column int    // of the cursor
}

// lay cuts what is shown into rows of at most width columns. A cluster that does not
// fit goes to the next row, and so does the cursor when it stands behind a full one.
func lay(prompt string, t text, width int) layout {
	var l layout
	var row strings.Builder
	columns := 0
	finish := func() {
		l.rows, l.widths = append(l.rows, row.String()), append(l.widths, columns)
		row.Reset()
		columns = 0
	}
	write := func(s string, cursor int) {
		at := 0
		for g := displaywidth.StringGraphemes(s); g.Next(); at += len(g.Value()) {
			if columns > 0 && columns+g.Width() > width {
				finish()
			}
			if at == cursor {
				l.row, l.ahead, l.column = len(l.rows), row.String(), columns
			}
			row.WriteString(g.Value())
			columns += g.Width()
		}
	}
	write(prompt, -1)
	write(t.s, t.cursor)
	if t.cursor == len(t.s) {
		if columns >= width {
			finish()
		}
		l.row, l.ahead, l.column = len(l.rows), row.String(), columns
	}
	finish()
	return l
}

// window returns the rows to draw on a screen that is lower than the line is long:
// those around the cursor.
func (l layout) window(height int) (from, to int) {
	if len(l.rows) <= height {
		return 0, len(l.rows)
	}
	from = max(0, min(l.row-height/2, len(l.rows)-height))
	return from, from + height
}

const (
	wrapOff    = "\x1b[?7l"
	wrapOn     = "\x1b[?7h"
	clearBelow = "\x1b[J"
	clearAll   = "\x1b[2J\x1b[H"
)

// draw returns what shows the rows from..to, the cursor being in the first column of
// the row where they begin, and leaves it where it belongs.
func (l layout) draw(from, to int) string {
	var b strings.Builder
	b.WriteString(clearBelow + wrapOff)
	b.WriteString(strings.Join(l.rows[from:to], "\r\n"))
	b.WriteString(upBy(to - 1 - l.row))
	b.WriteString("\r" + l.ahead + wrapOn)
	return b.String()
}

// upBy moves the cursor up.
func upBy(rows int) string {
	if rows <= 0 {
		return ""
	}
	return "\x1b[" + strconv.Itoa(rows) + "A"
}
