package bench

import (
	"cmp"
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
)

func TestReportTellsMediansAndPartsOfTheLimit(t *testing.T) {
	r := newReport([]load{{Name: "fanout", About: "a room", forms: []form{{name: "apart", of: limitForm}, {name: limitForm}}}}, 3)
	for _, v := range []float64{300, 100, 200} {
		r.add(0, 0, []Figure{{"deliveries", "1/s", v}, {"accepted", "ms", v}, {"CPU", "us", 0.05}, {gained, "bytes", 431}}, Check{Messages: 1, Early: 1})
		r.add(0, 1, []Figure{{"deliveries", "1/s", 4 * v}, {"CPU", "us", 0.01}, {gained, "bytes", 0.41}}, Check{Messages: 2})
	}
	r.finish()
	if got := r.Loads[0].Forms[0].Figures[0]; got.Median != 200 || got.OfLimit != 0.25 || len(got.Runs) != 3 {
		t.Errorf("%+v", got)
	}
	var people, machines strings.Builder
	if err := r.Print(&people); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{
		"fanout: a room\n",
		"               apart            limit\n",
		"  deliveries   200 /s (×0.25)   800 /s\n",
		"  accepted     200 ms           -\n",
		"  CPU          0.050 us (×5.00) 0.010 us\n",
		"  memory gained while held 431 bytes 0.41 bytes\n",
		"checked 9 deliveries: 0 lost, 0 twice, 3 before an earlier one; messages: 0 without an answer, 0 out of order in the log\n",
	} {
		if got := squeeze(people.String()); !strings.Contains(got, squeeze(want)) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
	if err := r.JSON(&machines); err != nil {
		t.Fatal(err)
	}
	var back Report
	if err := json.Unmarshal([]byte(machines.String()), &back); err != nil || back.Check != r.Check || back.Loads[0].Forms[0].Figures[2].OfLimit != 5 {
		t.Errorf("%v: %+v", err, back)
	}
}

// Figures by HTTP are compared with those by connection, and counts are added up.
func TestReportComparesHTTPWithConnections(t *testing.T) {
	r := newReport([]load{{Name: "http", forms: bothWays([]form{{name: "apart"}})}}, 2)
	for range 2 {
		r.add(0, 0, []Figure{{"CPU", "us", 60}, {"refused", unitCount, 3}}, Check{})
		r.add(0, 1, []Figure{{"CPU", "us", 40}}, Check{})
	}
	r.finish()
	var people strings.Builder
	if err := r.Print(&people); err != nil {
		t.Fatal(err)
	}
	for _, want := range []string{"apart, HTTP apart, connection\n", "CPU 60.0 us (×1.50) 40.0 us\n", "refused 6 -\n"} {
		if got := squeeze(people.String()); !strings.Contains(got, want) {
			t.Errorf("%q is not in\n%s", want, got)
		}
	}
}

// squeeze makes runs of spaces one.
func squeeze(s string) string {
	for strings.Contains(s, "  ") {
		s = strings.ReplaceAll(s, "  ", " ")
	}
	return s
}

func TestMedianOfEvenManyLiesBetween(t *testing.T) {
	if got := procstat.Median([]float64{4, 1, 3, 2}); got != 2.5 {
		t.Error(got)
	}
}

// Figures with TLS are compared with those without.
func TestReportComparesTLSWithNone(t *testing.T) {
	b := &bench{Config: Config{TLS: []string{"route", "all"}}}
	for name, forms := range map[string][]form{"apart, TLS route; apart, TLS all; together, TLS all": b.forms(1), "3 nodes, TLS route; 3 nodes, TLS all": b.forms(3)} {
		var secured []string
		r := newReport([]load{{Name: "pairs", forms: forms}}, 1)
		for i, f := range forms {
			v := 50.0
			if f.plain {
				v = 60
				secured = append(secured, f.name)
			}
			r.add(0, i, []Figure{{"CPU", "us", v}}, Check{})
		}
		r.finish()
		slices.SortFunc(secured, func(a, b string) int { return cmp.Compare(a[:5], b[:5]) })
		if got := strings.Join(secured, "; "); got != name {
			t.Errorf("forms %q, want %q", got, name)
		}
		for _, c := range r.Loads[0].Forms {
			if got := c.Figures[0].OfPlain; (got == 1.2) != strings.Contains(c.Form, "TLS") || got > 1.3 {
				t.Errorf("%s: %v", c.Form, got)
			}
		}
	}
}
