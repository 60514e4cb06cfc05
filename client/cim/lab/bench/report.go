package bench

import (
	"encoding/json"
	"fmt"
	"io"
	"runtime"
	"slices"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

// Report has everything that one call of Run has measured.
type Report struct {
	Machine Machine `json:"machine"`
	Runs    int     `json:"runs"`
	// Elsewhere says that the servers ran on other machines.
	Elsewhere bool `json:"elsewhere,omitempty"`

	Loads []Table `json:"loads"`
	Check Check   `json:"check"` // the sum over all runs

	loads []load
}

// Machine is the machine on which the clients ran, and usually the servers.
type Machine struct {
	CPUs int    `json:"cpus"`
	OS   string `json:"os"`
	Arch string `json:"arch"`
	Go   string `json:"go"`
}

// Table has the figures of one load in all forms.
type Table struct {
	Name  string   `json:"name"`
	About string   `json:"about"`
	Forms []Column `json:"forms"`
}

// Column has the figures of one load in one form.
type Column struct {
	Form    string   `json:"form"`
	Figures []Series `json:"figures"`
	Check   Check    `json:"check"`

	of    string // the form with which this one is compared; empty: none
	plain bool   // the other form is the same one without TLS
}

// Series has the values of one figure in all runs.
type Series struct {
	Name    string    `json:"name"`
	Unit    string    `json:"unit"`
	Median  float64   `json:"median"`            // of a count: the sum of the runs
	OfLimit float64   `json:"ofLimit,omitempty"` // the median as a part of the limit's median; zero: it is not shown
	Runs    []float64 `json:"runs"`

	// OfConnection is the median by HTTP as a part of the median by connection. Zero: it
	// is not shown.
	OfConnection float64 `json:"ofConnection,omitempty"`

	// OfPlain is the median with TLS as a part of the median without TLS. Zero: it is not
	// shown.
	OfPlain float64 `json:"ofPlain,omitempty"`
}

func newReport(loads []load, runs int) *Report {
	r := &Report{
		Machine: Machine{runtime.NumCPU(), runtime.GOOS, runtime.GOARCH, runtime.Version()},
		Runs:    runs, loads: loads,
	}
	for _, l := range loads {
		t := Table{Name: l.Name, About: l.About}
		for _, f := range l.forms {
			t.Forms = append(t.Forms, Column{Form: f.name, of: f.of, plain: f.plain})
		}
		r.Loads = append(r.Loads, t)
	}
	return r
}

// add adds the figures of one run of a load in a form.
func (r *Report) add(load, form int, figures []Figure, check Check) {
	c := &r.Loads[load].Forms[form]
	c.Check.add(check)
	r.Check.add(check)
	for _, f := range figures {
		s := c.series(f.Name)
		if s == nil {
			c.Figures = append(c.Figures, Series{Name: f.Name, Unit: f.Unit})
			s = &c.Figures[len(c.Figures)-1]
		}
		s.Runs = append(s.Runs, f.Value)
	}
}

func (c *Column) series(name string) *Series {
	i := slices.IndexFunc(c.Figures, func(s Series) bool { return s.Name == name })
	if i < 0 {
		return nil
	}
	return &c.Figures[i]
}

// Median returns the median of a figure for a load in a form. It returns false if the
// figure was not measured.
func (r *Report) Median(load, form, figure string) (float64, bool) {
	for _, t := range r.Loads {
		for _, c := range t.Forms {
			if s := c.series(figure); t.Name == load && c.Form == form && s != nil {
				return s.Median, true
			}
		}
	}
	return 0, false
}

// finish computes the medians of the runs, and compares the forms.
func (r *Report) finish() {
	for _, t := range r.Loads {
		for _, c := range t.Forms {
			for i := range c.Figures {
				c.Figures[i].sumUp()
			}
		}
		t.compare()
	}
}

func (s *Series) sumUp() {
	if s.Unit != unitCount {
		s.Median = procstat.Median(s.Runs)
		return
	}
	for _, n := range s.Runs {
		s.Median += n
	}
}

// compare computes each form's medians as parts of another form's medians. Column.of names
// that other form. If that other form was not measured, compare does nothing.
func (t *Table) compare() {
	for _, c := range t.Forms {
		i := slices.IndexFunc(t.Forms, func(o Column) bool { return o.Form == c.of })
		if i >= 0 {
			c.compare(&t.Forms[i])
		}
	}
}

func (c *Column) compare(other *Column) {
	for i := range c.Figures {
		s := &c.Figures[i]
		of := other.series(s.Name)
		if of == nil || s.Name == gained {
			continue
		}
		ratio := per(s.Median, of.Median)
		switch {
		case other.Form == limitForm:
			s.OfLimit = ratio
		case c.plain:
			s.OfPlain = ratio
		default:
			s.OfConnection = ratio
		}
	}
}

// JSON writes the report for machines.
func (r *Report) JSON(w io.Writer) error {
	encoder := json.NewEncoder(w)
	encoder.SetIndent("", "  ")
	if err := encoder.Encode(r); err != nil {
		return fmt.Errorf("write report: %w", err)
	}
	return nil
}
