package order

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

// mutation breaks a rule by replacing a text in a file of this package.
type mutation struct {
	rule     string
	old, new string
	held     string // the case of proto/vectors that fails then; else the test of this package
}

var mutations = []mutation{
	// Push
	{"an entry comes next only behind the key that it names", `(f.last.Key == "" || e.Prev == f.last.Key)`, `true`,
		"reuse/an entry behind another key is found"},
	{"without that key, numbers decide", `f.last.Key == "" || e.Prev`, `e.Prev`,
		"gaps/behind a cursor without a key, numbers decide"},
	{"an entry of another epoch does not come next", `(f.last.Number == 0 || at.Epoch == f.last.Epoch)`, `true`,
		"epochs/an entry of another epoch is read, though its number comes next"},
	{"the first entry of an empty log comes next, whatever its epoch", `(f.last.Number == 0 || at.Epoch == f.last.Epoch)`, `at.Epoch == f.last.Epoch`,
		"gaps/the first entry of an empty log comes next"},
	{"a repeated entry is dropped", `case f.stands(e.At): // a repetition`, `case false:`,
		"repeats/an entry that is pushed again is not shown again"},
	{"a place is told by its key", `return slices.Contains(f.kept, at) }`, `return slices.ContainsFunc(f.kept, func(p Place) bool { return p.Epoch == at.Epoch && p.Number == at.Number }) }`,
		"reuse/a pushed entry with another key at a known number is found"},
	{"a place is told by its epoch", `return slices.Contains(f.kept, at) }`, `return slices.ContainsFunc(f.kept, func(p Place) bool { return p.Key == at.Key && p.Number == at.Number }) }`,
		"epochs/another epoch with the same number and key is found by reconciliation"},
	{"the latest places are kept, and not one", `Kept = 64`, `Kept = 1`,
		"repeats/an entry that is pushed again is not shown again"},
	{"an early entry waits", `f.wait(e)`, `f.doubt = true`,
		"gaps/an entry that overtook another waits for it"},
	{"no more wait than MaxEarly", `len(f.early) < MaxEarly`, `true`,
		"TestMoreThanCanWaitIsRead"},
	{"nor more bytes than MaxEarlySize", `&& size <= MaxEarlySize`, `&& size > -1`,
		"TestMoreBytesThanCanWaitAreRead"},
	{"bytes that wait no more do not count", `f.size -= f.early[number].Size`, ``,
		"TestMoreBytesThanCanWaitAreRead"},
	{"what does not fit is read", "// another entry. Or too many early entries wait.\n\t\tf.doubt = true", ``,
		"reuse/a pushed entry with another key at a known number is found"},
	{"what waited comes behind the missing entry", "ready = append(ready, e.Item)\n\t\treturn f.drain(ready)", "ready = append(ready, e.Item)\n\t\treturn ready",
		"gaps/an entry that overtook another waits for it"},
	{"what waited and does not follow is not shown", `ok && f.follows(e);`, `ok;`,
		"reuse/what waited behind a lost entry is found"},
	{"what waited where another entry stands is read", `f.doubt = f.doubt || !f.stands(e.At)`, `_ = e`,
		"reuse/what waited where a page holds another entry is found"},
	{"what the log has passed waits no more", `f.drop(number)`, ``,
		"reuse/what waited behind a lost entry is found"},

	// Observe
	{"an end that is known asks for nothing", `, f.stands(end):`, `:`,
		"gaps/reconciliation that tells nothing new asks for nothing"},
	{"the end of an empty log asks for nothing", `case end.Number == 0 && f.last.Number == 0, f.stands(end):`, `case f.stands(end):`,
		"gaps/the first entry of an empty log comes next"},
	{"an end further on is read", `f.doubt || f.More():`, `f.doubt:`,
		"gaps/reconciliation tells of what was not pushed"},
	{"an end that does not fit is read", "default:\n\t\tf.doubt = true\n\t}\n}\n\n// Due", "}\n}\n\n// Due",
		"reuse/another key at the newest number is found by reconciliation"},
	{"an end during a pull is read, too", `f.doubt = f.doubt || f.asked // the page may have been read before this end`, ``,
		"gaps/an end that is told during a pull is read, too"},
	{"a nearer end does not hide one further on", ` || end.Number > f.end.Number {`, ` || true {`,
		"TestEndThatPushesReach"},
	{"another entry at an end is found", `f.doubt = f.doubt || at.conflict(f.end)`, ``,
		"TestEndThatPushesReach"},

	// Due
	{"what stays missing is read", `case len(f.early) > 0:` + "\n\t\treturn min(", `case false:` + "\n\t\treturn min(",
		"gaps/what stays missing is read"},
	{"a wait in vain doubles", `f.vain++`, ``,
		"TestWaitDoublesUntilSomethingIsTaken"},
	{"something that is taken ends that", `f.vain = 0`, ``,
		"TestWaitDoublesUntilSomethingIsTaken"},
	{"one page at a time is asked for", "case f.asked:\n\t\treturn 0, false\n", ``,
		"TestWaitDoublesUntilSomethingIsTaken"},
	{"a page that failed is asked for again", `f.asked, f.doubt = false, true`, `f.asked = false`,
		"TestPageThatFailedIsDueAgain"},

	// Page
	{"a page's entries are taken once", `case e.At.Number > f.last.Number:`, `default:`,
		"repeats/a page that ends before what was pushed meanwhile does not go back"},
	{"a page that contradicts is not taken", `slices.ContainsFunc(f.kept, at.conflict)`, `false`,
		"reuse/a page that contradicts what was pushed meanwhile is not taken"},
	{"a page of another epoch is not taken", `f.last.Number > 0 && at.Epoch != f.last.Epoch || `, ``,
		"epochs/a page of the log before is not taken"},
	{"what is not taken is read again", "case f.contradicts(e.At):\n\t\t\tf.doubt = true", "case f.contradicts(e.At):",
		"reuse/a page that contradicts the last entry is not taken"},
	{"what waited comes behind a page", "\tready = f.drain(ready)\n\tswitch", "\tswitch",
		"gaps/a page fills the gap in front of what waits"},
	{"a page tells the end", `f.end = end // replaces an end that was observed before`, ``,
		"gaps/a page that tells of more is followed by another"},
	{"an end that the route does not know is forgotten", `f.end = end // replaces an end that was observed before`, `if end.Number > f.end.Number { f.end = end }`,
		"gaps/an end that a page does not reach is forgotten: the log lost it"},
	{"a page that tells nothing is an error", `return ready, ErrNoProgress`, `return ready, nil`,
		"TestPageThatTellsNothingOfWhatIsThereIsAnError"},
	{"what a page answers is in doubt no more", `f.asked, f.doubt, f.before = true, false, f.heard`, `f.asked, f.before = true, f.heard`,
		"reuse/a pushed entry with another key at a known number is found"},

	// Diverged
	{"a log that diverged is read from an earlier place", `f.behind = f.points[0]`, ``,
		"reuse/a pushed entry with another key at a known number is found"},
	{"the places are tried one after the other", `f.points = f.points[1:]`, ``,
		"reuse/a log that became shorter is found"},
	{"ever wider apart", `step = i+step, 2*step`, `step = i+step, step`,
		"reuse/the last point both know is looked for ever wider apart"},
	{"then the earliest", `points = append(points, known[n-1])`, ``,
		"reuse/the earliest known position and the beginning are the last resort"},
	{"then the beginning", `return append(points, Place{})`, `return points`,
		"epochs/a log that was lost whole begins anew"},
	{"the page rewinds to that place", `f.rewind(f.points[0])`, `f.points = nil`,
		"reuse/a pushed entry with another key at a known number is found"},
	{"what stood behind it is forgotten", `f.forget(to.Epoch, to.Number+1)`, ``,
		"reuse/a pushed entry with another key at a known number is found"},
	{"what waited before a divergence waits no more", "\t\tf.dropAll()\n\t\tf.doubt = true // the dropped", "\t\tf.doubt = true // the dropped",
		"reuse/what waited when a log lost its tail is read, and waited for no more"},
	{"what waited before a divergence is read", `f.doubt = true // the dropped early entries may be newer than the page`, ``,
		"reuse/what waited when a log lost its tail is read, and waited for no more"},
	{"a place that the log lost, and the history kept, does not count", `f.forget(at.Epoch, at.Number) // at is newer, so the log had lost these places`, ``,
		"reuse/a device that begins again holds no page to what the log lost before"},

	// Refused, Skip, Start
	{"a joining while the route refuses is not lost", `f.doubt = f.doubt || f.heard != f.before`, ``,
		"groups/a joining while a leaving is found out is not lost"},
	{"a log that is refused is not followed", `return f.heard == f.before`, `return false`,
		"groups/a group that the user left is not followed"},
	{"what is skipped waits no more", "f.dropAll()\n\tf.take(to)", "f.take(to)",
		"TestSkipForgetsWhatIsMissing"},
	{"the history counts more than a cursor", `case len(kept) > 0:`, `case len(kept) > 0 && cursor.Number == 0:`,
		"gaps/what the history holds counts more than a cursor"},
	{"a cursor counts more than the end", `case cursor.Number > 0:`, `case cursor.Number > 0 && !fromEnd:`,
		"gaps/everyone's log begins at a cursor, too"},
	{"a cursor counts more than the beginning", `case cursor.Number > 0:`, `case cursor.Number > 0 && fromEnd:`,
		"gaps/a device without a history begins at its cursor"},
	{"only everyone's log begins at its end", `case fromEnd && end.Number > 0:`, `case end.Number > 0:`,
		"gaps/a log that was never read is read from its oldest entry"},
	{"everyone's log begins at its end", `case fromEnd && end.Number > 0:`, `case false:`,
		"gaps/everyone's log begins at its end"},
}

// Each rule is broken in a copy of this package, where its case must fail.
func TestEachRuleIsHeld(t *testing.T) {
	sources := map[string]string{}
	for _, name := range []string{"order.go", "place.go"} {
		b, err := os.ReadFile(name)
		if err != nil {
			t.Fatal(err)
		}
		sources[name] = string(b)
	}
	for _, m := range mutations {
		t.Run(m.rule, func(t *testing.T) {
			if n := strings.Count(sources["order.go"], m.old) + strings.Count(sources["place.go"], m.old); n != 1 {
				t.Fatalf("%q stands there %d times", m.old, n)
			}
			if os.Getenv("CIM_TEST_LONG") == "" {
				return // the text is there; to break it takes a second each
			}
			overlay := make(map[string]string)
			dir := t.TempDir()
			for name, source := range sources {
				overlay[name] = filepath.Join(dir, name)
				if err := os.WriteFile(overlay[name], []byte(strings.Replace(source, m.old, m.new, 1)), 0o600); err != nil {
					t.Fatal(err)
				}
			}
			failed := failing(t, dir, overlay)
			if !strings.Contains(failed, m.held) {
				t.Errorf("%s does not fail, but\n%s", m.held, failed)
			}
		})
	}
}

var failure = regexp.MustCompile(`(?m)^\s*--- FAIL: (\S+)`)

// failing returns the tests that fail with other files in place of those here.
func failing(t *testing.T, dir string, overlay map[string]string) string {
	t.Helper()
	here, err := os.Getwd()
	if err != nil {
		t.Fatal(err)
	}
	var pairs []string
	for name, other := range overlay {
		pairs = append(pairs, `"`+filepath.Join(here, name)+`":"`+other+`"`)
	}
	file := filepath.Join(dir, "overlay.json")
	if err := os.WriteFile(file, []byte(`{"Replace":{`+strings.Join(pairs, ",")+`}}`), 0o600); err != nil {
		t.Fatal(err)
	}
	out, err := exec.Command("go", "test", "-count=1", "-timeout=60s", "-vet=off", "-overlay", file,
		"-run", "^Test[^E]|EndThat", ".").CombinedOutput()
	if err == nil {
		return "nothing"
	}
	var names []string
	for _, found := range failure.FindAllSubmatch(out, -1) {
		names = append(names, strings.ReplaceAll(string(found[1]), "_", " "))
	}
	if names == nil {
		t.Fatalf("%v\n%s", err, out)
	}
	return strings.Join(names, "\n")
}
