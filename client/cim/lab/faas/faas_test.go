package faas

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"strconv"
	"strings"
	"sync"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto/wait"
	"github.com/cim-go/cim/routefn/lambda"
)

// isProgram is set for the process that plays the function.
const isProgram = "CIM_FAAS_TEST"

func TestMain(m *testing.M) {
	switch os.Getenv(isProgram) {
	case "":
		goleak.VerifyTestMain(m)
	case "broken":
		os.Exit(3)
	default:
		runProgram()
	}
}

// runProgram is a function whose answers tell of its process.
func runProgram() {
	served := 0
	f, err := lambda.New(lambda.Config{Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		served++
		switch r.URL.Path {
		case "/hang":
			time.Sleep(time.Hour)
		case "/exit":
			os.Exit(1)
		case "/slow":
			time.Sleep(100 * time.Millisecond)
		case "/echo":
			w.Header().Set("Content-Type", r.Header.Get("Content-Type"))
			w.Header().Add("Set-Cookie", "a=1")
			w.Header().Add("Set-Cookie", "b=2")
			_, _ = io.Copy(w, r.Body)
			return
		}
		fmt.Fprintf(w, "%d %d", os.Getpid(), served)
	})})
	if err != nil {
		panic(err)
	}
	f.Serve(context.Background())
}

func newFunction(t *testing.T, c Config) *Function {
	t.Helper()
	c.Command = []string{os.Args[0]}
	if c.Env == nil {
		c.Env = []string{isProgram + "=1"}
	}
	f, err := New(c)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(f.Close)
	return f
}

// get asks the function for a path and returns which process answered, and how
// many events that has seen.
func get(t *testing.T, f *Function, path string) (pid, served int, err error) {
	t.Helper()
	payload, err := Shapes[0].Event(httptest.NewRequest("GET", path, nil), nil)
	if err != nil {
		t.Fatal(err)
	}
	answer, err := f.Invoke(t.Context(), payload)
	if err != nil {
		return 0, 0, err
	}
	response, err := Shapes[0].Response(answer)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := fmt.Sscan(string(response.Body), &pid, &served); err != nil {
		t.Fatal(err)
	}
	return pid, served, nil
}

func TestInstanceIsFrozenBetweenEventsAndUsedAgain(t *testing.T) {
	f := newFunction(t, Config{})
	first := 0
	for n := 1; n <= 3; n++ {
		pid, served, err := get(t, f, "/")
		if err != nil {
			t.Fatal(err)
		}
		if first == 0 {
			first = pid
		}
		if pid != first || served != n {
			t.Errorf("event %d is event %d of process %d, the first was of %d", n, served, pid, first)
		}
		f.Settle()
		// The signal takes a moment to reach every thread.
		wait.Until(t, "the process is stopped", func() bool { return stateOf(t, pid) == "T" })
	}
}

// stateOf returns the state of a process as /proc has it.
func stateOf(t *testing.T, pid int) string {
	t.Helper()
	stat, err := os.ReadFile("/proc/" + strconv.Itoa(pid) + "/stat")
	if err != nil {
		t.Fatal(err)
	}
	_, rest, _ := strings.Cut(string(stat), ") ")
	return rest[:1]
}

func TestEventsAtATimeHaveInstancesOfTheirOwn(t *testing.T) {
	f := newFunction(t, Config{Most: 2})
	var (
		mu        sync.Mutex
		processes = make(map[int]bool)
		throttled int
		all       sync.WaitGroup
	)
	for range 3 {
		all.Go(func() {
			pid, _, err := get(t, f, "/slow")
			mu.Lock()
			defer mu.Unlock()
			if errors.Is(err, ErrThrottled) {
				throttled++
			} else if err != nil {
				t.Error(err)
			} else {
				processes[pid] = true
			}
		})
	}
	all.Wait()
	if len(processes) != 2 || throttled != 1 {
		t.Errorf("%d processes, %d throttled, want 2 and 1", len(processes), throttled)
	}
}

func TestInstanceThatFailsIsReplaced(t *testing.T) {
	for path, want := range map[string]error{"/exit": ErrExited, "/hang": ErrTimeout} {
		f := newFunction(t, Config{Timeout: 500 * time.Millisecond, Most: 1})
		if _, _, err := get(t, f, path); !errors.Is(err, want) {
			t.Errorf("%s: error is %v, want %v", path, err, want)
		}
		f.Settle()
		if _, served, err := get(t, f, "/"); err != nil || served != 1 {
			t.Errorf("after %s: event %d, %v", path, served, err)
		}
	}
}

func TestProgramThatDoesNotStartIsAnError(t *testing.T) {
	f := newFunction(t, Config{Env: []string{isProgram + "=broken"}})
	if _, _, err := get(t, f, "/"); !errors.Is(err, ErrExited) {
		t.Errorf("error is %v", err)
	}
}

func TestErrorOfTheProgramIsTold(t *testing.T) {
	f := newFunction(t, Config{})
	_, err := f.Invoke(t.Context(), []byte(`{"Records":[]}`))
	if failed := new(Error); !errors.As(err, &failed) || !strings.Contains(failed.Message, "neither") {
		t.Errorf("error is %v", err)
	}
	f.Settle()
	if _, served, err := get(t, f, "/"); err != nil || served != 1 || f.Stats().Started != 1 {
		t.Errorf("after it: event %d of instance %d, %v", served, f.Stats().Started, err)
	}
}

func TestInstancesDieAsOftenAsAsked(t *testing.T) {
	f := newFunction(t, Config{KillEvery: 2})
	failed := 0
	for range 8 {
		if _, _, err := get(t, f, "/slow"); errors.Is(err, ErrExited) {
			failed++
		} else if err != nil {
			t.Error(err)
		}
		f.Settle()
	}
	if s := f.Stats(); s.Killed != 4 || s.Started != 4 || failed != 2 {
		t.Errorf("of 8 events %d failed, %+v", failed, s)
	}
	f.Spare()
	for range 4 {
		if _, _, err := get(t, f, "/"); err != nil {
			t.Error(err)
		}
		f.Settle()
	}
	if s := f.Stats(); s.Killed != 4 || s.Started != 5 {
		t.Errorf("after they were spared: %+v", s)
	}
}

func TestStatsTellColdFromWarm(t *testing.T) {
	f := newFunction(t, Config{})
	for _, path := range []string{"/slow", "/", "/", "/"} {
		if _, _, err := get(t, f, path); err != nil {
			t.Fatal(err)
		}
		f.Settle()
	}
	var two sync.WaitGroup
	for range 2 { // at a time: one of them has an instance of its own
		two.Go(func() {
			if _, _, err := get(t, f, "/slow"); err != nil {
				t.Error(err)
			}
		})
	}
	two.Wait()
	if _, _, err := get(t, f, "/exit"); !errors.Is(err, ErrExited) {
		t.Fatal(err)
	}
	f.Settle()
	s := f.Stats()
	if s.Invocations != 7 || s.Started != 2 || s.Frozen != 6 || s.Killed != 0 || s.Cold.Count != 2 || s.Warm.Count != 4 {
		t.Errorf("%+v", s)
	}
	// The one that ended counts as those that are there. Which of the two had the last
	// event is not said: each came to rest as late as the other.
	if r := s.Requests; r.Min+r.Max != 7 || r.Min < 1 || r.Min > 2 || r.Median != r.Max {
		t.Errorf("requests are %+v", r)
	}
	if s.Cold.P50 < 100*time.Millisecond || s.Warm.P50 <= 0 || s.Warm.P50 >= 100*time.Millisecond || s.Warm.P99 < 100*time.Millisecond {
		t.Errorf("cold %v, warm %v", s.Cold, s.Warm)
	}
	f.Close()
	if closed := f.Stats(); closed != s {
		t.Errorf("%+v, after Close %+v", s, closed)
	}
}

func TestEveryShapeCarriesBodiesUnchanged(t *testing.T) {
	f := newFunction(t, Config{})
	for _, shape := range Shapes {
		front := &Front{Function: f, Shape: shape}
		for kind, body := range map[string]string{
			"application/json": `{"a":"<ü` + "\u2028" + `>"}`, "application/x-protobuf": "\x00\xff\xfe",
			"text/plain": "\xff is not UTF-8", "": "",
		} {
			r := httptest.NewRequest("POST", "/echo", strings.NewReader(body))
			r.Header.Set("Content-Type", kind)
			w := httptest.NewRecorder()
			front.ServeHTTP(w, r)
			if w.Code != 200 || w.Body.String() != body || w.Header().Get("Content-Type") != kind {
				t.Errorf("%s: %q comes back as %d %q %v", shape.Name, body, w.Code, w.Body, w.Header())
			}
			if cookies := w.Header().Values("Set-Cookie"); shape.Name != "alb" && len(cookies) != 2 {
				t.Errorf("%s: cookies are %q", shape.Name, cookies)
			}
		}
	}
}

func TestFrontRefusesWhatLambdaWould(t *testing.T) {
	front := &Front{Function: newFunction(t, Config{}), Shape: Shapes[0]}
	for size, want := range map[int]int{maxPayload + 1: 413, maxPayload * 4 / 5: 413} { // base64 makes a third more
		w := httptest.NewRecorder()
		r := httptest.NewRequest("POST", "/echo", bytes.NewReader(make([]byte, size)))
		front.ServeHTTP(w, r)
		if w.Code != want {
			t.Errorf("%d bytes are answered %d", size, w.Code)
		}
	}
}
