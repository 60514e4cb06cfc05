package abuse

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"github.com/cim-go/cim/client/cim/lab/bench/attack"
)

// good is a report in which each bound holds, just so.
func good() *Report {
	r := newReport(Config{Runs: 3})
	for range 3 {
		home := Logins{Tried: 20, OK: 20}
		r.Phases[Quiet] = append(r.Phases[Quiet], Phase{Home: home, Memory: map[string]int64{"node": 20 << 20, "route": 50 << 20}})
		r.Phases[Control] = append(r.Phases[Control], Phase{Home: home, ShownP99: 10 * time.Millisecond})
		r.Phases[Attack] = append(r.Phases[Attack], Phase{
			Home: home, ShownP99: 20 * time.Millisecond, Memory: map[string]int64{"node": 84 << 20, "route": 114 << 20},
		})
	}
	r.Own = Phase{Home: Logins{Tried: 10, OK: 10}}
	r.Guesses = Phase{Hashed: 91 + 60 + 59, Home: Logins{Tried: 60, OK: 60}, Roaming: Logins{Tried: 60, OK: 59},
		Attack: attack.Report{Took: time.Minute}}
	return r
}

func TestBoundsAreHeldAgainst(t *testing.T) {
	for name, c := range map[string]struct {
		change func(*Report)
		want   string // empty: nothing is missed
	}{
		"good":                    {func(*Report) {}, ""},
		"one slow run":            {func(r *Report) { r.Phases[Attack][1].ShownP99 = time.Second }, ""},
		"two slow runs":           {func(r *Report) { r.Phases[Attack][0].ShownP99, r.Phases[Attack][1].ShownP99 = time.Second, time.Second }, "p99 is 100.0 times"},
		"the node grows once":     {func(r *Report) { r.Phases[Attack][2].Memory["node"] += 1 << 20 }, "the node grew by 65 MB"},
		"the route grows once":    {func(r *Report) { r.Phases[Attack][0].Memory["route"] += 9 << 20 }, "the route grew by 73 MB"},
		"a login fails":           {func(r *Report) { r.Phases[Attack][1].Home.OK-- }, "attack: 19 of 20 logins"},
		"it fails in the control": {func(r *Report) { r.Phases[Control][1].Home.OK-- }, ""},
		"beside bodies":           {func(r *Report) { r.Own.Home.OK-- }, "unfinished bodies: 9 of 10 logins"},
		"beside guesses":          {func(r *Report) { r.Guesses.Home.OK--; r.Guesses.Hashed-- }, "guesses: 59 of 60 logins"},
		"a message is lost":       {func(r *Report) { r.Phases[Attack][0].Due, r.Phases[Attack][0].Missing = 7, 1 }, "attack: 1 of 7 messages"},
		"one guess more":          {func(r *Report) { r.Guesses.Hashed++ }, "101 guesses at one account"},
	} {
		t.Run(name, func(t *testing.T) {
			r := good()
			c.change(r)
			missed := strings.Join(r.Missed(), "\n")
			if c.want == "" && missed != "" || !strings.Contains(missed, c.want) || strings.Contains(missed, "\n") {
				t.Errorf("missed %q, want %q", missed, c.want)
			}
			var b strings.Builder
			if err := r.Print(&b); err != nil || c.want != "" && !strings.Contains(b.String(), "missed: "+c.want) {
				t.Errorf("%v\n%s", err, &b)
			}
		})
	}
}

func TestHashedPasswordsAreRead(t *testing.T) {
	text := "# HELP x y\ncim_route_password_hash_wait_seconds_sum 0.5\n" + hashedMetric + " 42\n"
	route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, text) }))
	defer route.Close()
	if n, err := hashed(t.Context(), route.URL); n != 42 || err != nil {
		t.Errorf("%d, %v", n, err)
	}
	text = "nothing\n"
	if _, err := hashed(t.Context(), route.URL); err == nil {
		t.Error("a page without the metric has no error")
	}
}

// Messages of the measured time count by when they were due, however late they come.
func TestMessageCountsFromWhenItWasDue(t *testing.T) {
	u := &users{every: 100 * time.Millisecond, begun: time.Now().Add(-time.Second)}
	u.clients = append(u.clients, nil, nil)
	u.from, u.until = u.due(1, 3), u.due(1, 5) // 3 and 4 of the second user, 4 and 5 of the first one
	if n := u.dueBetween(); n != 4 {
		t.Errorf("%d are due, want 4", n)
	}
	late := 70 * time.Millisecond
	for k := range 7 {
		for i := range 2 {
			u.note(u.due(i, k), u.due(i, k).Add(late))
		}
	}
	if u.came != 4 || u.shown.Max() != late {
		t.Errorf("%d came, %v late", u.came, u.shown.Max())
	}
}
