package bench

import (
	"bytes"
	"cmp"
	"fmt"
	"io"
	"slices"
	"strings"
	"text/tabwriter"
)

// Print writes the report for people. There is one table per load and one column per form.
// Each figure has its ratio to the limit's figure.
func (r *Report) Print(w io.Writer) error {
	var b bytes.Buffer
	for _, t := range r.Loads {
		fmt.Fprintf(&b, "%s: %s\n", t.Name, t.About)
		t.print(&b)
		fmt.Fprintln(&b)
	}
	servers, parts := "clients and servers together", "of the limit's, in http of the connection's, and with TLS of that without"
	if r.Elsewhere {
		servers, parts = "only clients", "of the connection's"
	}
	fmt.Fprintf(&b, "medians of %d runs on %d CPUs (%s/%s, %s), %s; ×: as a part %s\n",
		r.Runs, r.Machine.CPUs, r.Machine.OS, r.Machine.Arch, r.Machine.Go, servers, parts)
	fmt.Fprintln(&b, r.Check)
	_, err := w.Write(b.Bytes())
	return err
}

func (t *Table) print(w io.Writer) {
	table := tabwriter.NewWriter(w, 0, 0, 3, ' ', 0)
	for _, c := range t.Forms {
		fmt.Fprintf(table, "\t%s", c.Form)
	}
	fmt.Fprintln(table)
	for _, name := range t.names() {
		fmt.Fprintf(table, "  %s", name)
		for _, c := range t.Forms {
			fmt.Fprintf(table, "\t%s", c.cell(name))
		}
		fmt.Fprintln(table)
	}
	_ = table.Flush() // to memory
}

// names returns the names of all figures, in the order of the form that has most of them.
func (t *Table) names() []string {
	forms := slices.SortedStableFunc(slices.Values(t.Forms), func(a, b Column) int { return len(b.Figures) - len(a.Figures) })
	var names []string
	for _, c := range forms {
		at := len(names)
		for _, s := range slices.Backward(c.Figures) { // a new name goes before the name that follows it in this column
			if i := slices.Index(names, s.Name); i >= 0 {
				at = i
			} else {
				names = slices.Insert(names, at, s.Name)
			}
		}
	}
	return names
}

func (c *Column) cell(name string) string {
	s := c.series(name)
	if s == nil {
		return "-"
	}
	cell := quantity(s.Median, s.Unit)
	if ratio := cmp.Or(s.OfLimit, s.OfConnection, s.OfPlain); ratio > 0 {
		cell += " (×" + digits(ratio) + ")"
	}
	return cell
}

// quantity returns a value with its unit, in three digits.
func quantity(v float64, unit string) string {
	switch {
	case unit == "1/s" && v >= 1e6:
		return digits(v/1e6) + " M/s"
	case unit == "1/s" && v >= 1e4:
		return digits(v/1e3) + " k/s"
	case unit == "1/s":
		return digits(v) + " /s"
	case unit == unitCount:
		return fmt.Sprint(int64(v))
	}
	return digits(v) + " " + unit
}

// digits returns a value in three digits, or in more if it is 1,000 or above.
func digits(v float64) string {
	switch {
	case v >= 100 || v <= -100:
		return fmt.Sprintf("%.0f", v)
	case v >= 10 || v <= -10:
		return fmt.Sprintf("%.1f", v)
	case v >= 0.1 || v <= -0.1:
		return fmt.Sprintf("%.2f", v)
	}
	s := fmt.Sprintf("%.3f", v)
	return strings.TrimSuffix(s, ".000")
}
