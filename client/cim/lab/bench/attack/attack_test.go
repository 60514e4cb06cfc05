package attack

import (
	"bufio"
	"context"
	"encoding/json"
	"io"
	"log"
	"net"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"github.com/cim-go/cim/proto"
	"github.com/cim-go/cim/proto/wait"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// play runs a generator until enough says so or, if it is nil, until the generator ends by
// itself.
func play(t *testing.T, p Plan, enough func()) (r Report) {
	t.Helper()
	if p.MostLate == 0 {
		p.MostLate = time.Hour
	}
	b, err := json.Marshal(p)
	if err != nil {
		t.Fatal(err)
	}
	in, feed := io.Pipe()
	read, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- Serve(wait.Context(t), in, out) }()
	go func() { _, _ = feed.Write(b) }()
	lines := bufio.NewReader(read)
	if line, err := lines.ReadString('\n'); err != nil || line != ready+"\n" {
		t.Fatalf("it says %q: %v", line, err)
	}
	if enough != nil {
		enough()
		feed.Close()
	}
	if err := json.NewDecoder(lines).Decode(&r); err != nil {
		t.Fatal(err)
	}
	if err := <-ended; err != nil {
		t.Fatal(err)
	}
	feed.Close()
	return r
}

// sink serves a sink until the test ends.
func sink(t *testing.T) (address string) {
	ctx, cancel := context.WithCancel(t.Context())
	read, out := io.Pipe()
	ended := make(chan error, 1)
	go func() { ended <- ServeSink(ctx, out) }()
	t.Cleanup(func() {
		cancel()
		if err := <-ended; err != nil {
			t.Error(err)
		}
	})
	line, err := bufio.NewReader(read).ReadString('\n')
	if err != nil {
		t.Fatal(err)
	}
	return strings.TrimSpace(line)
}

// A sink takes everything, and holds all that is unfinished.
func TestSinkTakesTheWholeAttack(t *testing.T) {
	at := sink(t)
	r := play(t, Plan{
		Route: at, Node: at, Sink: true, Bodies: 4, Shared: 2, Frames: 3, Renew: 100 * time.Millisecond,
		Guessers: 2, GuessRate: 100, Names: []string{"alice"}, Flooder: &Flooder{User: 1, To: 2, Rate: 1000, PostRate: 1000}, Handshakes: 100,
	}, func() { time.Sleep(500 * time.Millisecond) })
	for name, o := range map[string]Outcomes{"bodies": r.Bodies, "frames": r.Frames, "handshakes": r.Shakes} {
		if o.Ends["held"] < 3 || len(o.Ends) > 1 {
			t.Errorf("%s: %+v", name, o)
		}
	}
	seconds := r.Took.Seconds()
	for name, o := range map[string]Outcomes{"flood": r.Flood, "posts": r.Posts} {
		if n := float64(o.Tried); n < 800*seconds || n > 1200*seconds+100 {
			t.Errorf("%s: %v messages in %v s, at 1,000 per second", name, n, seconds)
		}
	}
	if n := float64(r.Guesses.Tried); n < 80*seconds || n > 120*seconds+10 || len(r.Guesses.Ends) > 0 {
		t.Errorf("%+v in %v s, at 100 per second", r.Guesses, seconds)
	}
}

// A refusal is counted by its code or its status.
func TestAttackersReportHowTheyWereRefused(t *testing.T) {
	from := make(chan string, 1000)
	route := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		host, _, _ := net.SplitHostPort(r.RemoteAddr)
		from <- host
		var q proto.LoginRequest
		if r.ContentLength == 200 {
			conn, _, err := http.NewResponseController(w).Hijack()
			if err != nil {
				t.Error(err)
				return
			}
			_, _ = io.WriteString(conn, "HTTP/1.1 408 Request Timeout\r\n\r\n") // the generator sees it
			conn.Close()
			return
		}
		if err := json.NewDecoder(r.Body).Decode(&q); err != nil || q.Name != "alice" || q.Password == "" {
			t.Errorf("%+v, %v", q, err)
		}
		w.WriteHeader(http.StatusTooManyRequests)
		_ = json.NewEncoder(w).Encode(proto.ErrorAnswer{Code: proto.Overloaded})
	}))
	defer route.Close()
	addresses := make(map[string]bool)
	r := play(t, Plan{
		Route: route.Listener.Addr().String(), Bodies: 1, Renew: 50 * time.Millisecond,
		Guessers: 3, GuessRate: 100, Names: []string{"alice"},
	}, func() {
		for len(addresses) < 4 {
			addresses[<-from] = true
		}
		time.Sleep(200 * time.Millisecond)
	})
	if !addresses["127.61.0.1"] || !addresses["127.63.0.3"] {
		t.Errorf("they came from %v", addresses)
	}
	if r.Guesses.Ends["overloaded"] == 0 || r.Bodies.Ends["status 408"] == 0 {
		t.Errorf("guesses %+v, bodies %+v", r.Guesses, r.Bodies)
	}
}

// Strangers send a whole first message, which a server answers.
func TestHandshakesAreAnswered(t *testing.T) {
	server := httptest.NewUnstartedServer(http.NotFoundHandler())
	server.Config.ErrorLog = log.New(io.Discard, "", 0) // of handshakes that do not end
	server.StartTLS()
	defer server.Close()
	r := play(t, Plan{Node: server.Listener.Addr().String(), Handshakes: 100}, func() { time.Sleep(500 * time.Millisecond) })
	if r.Shakes.Ends["answered"] < 20 || len(r.Shakes.Ends) > 1 {
		t.Errorf("%+v", r.Shakes)
	}
}

// A generator that is not given its turns ends, because its figures count for nothing.
func TestLateGeneratorEnds(t *testing.T) {
	at := sink(t)
	r := play(t, Plan{Route: at, Node: at, Sink: true, Bodies: 1, Renew: time.Millisecond, MostLate: time.Nanosecond}, nil)
	if r.Late <= time.Nanosecond {
		t.Errorf("it ended %v late", r.Late)
	}
}

func TestPunctualityTellsTheLatest(t *testing.T) {
	p := NewPunctuality(20 * time.Millisecond)
	over := func() bool {
		select {
		case <-p.Over():
			return true
		default:
			return false
		}
	}
	p.note(20 * time.Millisecond)
	if over() {
		t.Error("20 ms is over 20 ms")
	}
	p.note(21 * time.Millisecond)
	p.note(40 * time.Millisecond)
	p.note(time.Millisecond)
	if !over() || p.Late() != 40*time.Millisecond {
		t.Errorf("%v, over: %v", p.Late(), over())
	}
	p.Begin()
	if over() || p.Late() != 0 {
		t.Errorf("after Begin: %v, over: %v", p.Late(), over())
	}
}
