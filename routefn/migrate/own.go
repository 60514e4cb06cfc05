package migrate

import "github.com/cim-go/cim/routefn/migrate/format"

// ownLines leaves out lines that are for reading.
func (f *fromLines) ownLines(lines []format.Line) {
	for _, l := range lines {
		f.Details.Left++
		f.Left(Left{Kind: l.Kind, Line: l.Number, Reason: "such lines are for reading"})
	}
}
