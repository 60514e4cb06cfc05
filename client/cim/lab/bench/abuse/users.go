package abuse

import (
	"context"
	"fmt"
	"strconv"
	"sync"
	"time"

	"golang.org/x/sync/errgroup"

	"github.com/cim-go/cim/client"
	"github.com/cim-go/cim/client/cim/lab/bench/procstat"
	"github.com/cim-go/cim/proto/retry"
)

// password is the password of all accounts.
const password = "measured, not guarded"

// textSize is the size of a message in bytes. The text of a message is the message's
// number with zeros in front.
const textSize = 128

// users are pairs who write to each other at fixed moments. User 0 writes to user 1, 2 to
// 3, and so on.
type users struct {
	clients []*client.Client
	every   time.Duration // pause between two messages of a user
	begun   time.Time     // when the first user's first message is due
	all     sync.WaitGroup
	cancel  context.CancelFunc

	mu    sync.Mutex
	from  time.Time // messages that were due before are not measured
	until time.Time // messages that are due from then on are not measured; zero: no end
	came  int
	shown procstat.Histogram
}

func accountName(i int) string { return fmt.Sprintf("user-%03d", i) }

// account returns the Config of a client, which registers and logs in as user i at the
// route at url.
func account(url string, i int) client.Config {
	return client.Config{Routes: []string{url}, Name: accountName(i), Password: password, Device: "bench"}
}

// registerAll makes n accounts.
func registerAll(ctx context.Context, url string, n int) ([]client.User, error) {
	made := make([]client.User, n)
	group, ctx := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range n {
		group.Go(func() (err error) {
			made[i], err = client.Register(ctx, account(url, i))
			return err
		})
	}
	return made, group.Wait()
}

// connect connects n users. The parameter rate is how many messages they send per second,
// all together. The caller must call close.
func connect(ctx context.Context, url string, n int, rate float64) (*users, error) {
	u := &users{clients: make([]*client.Client, n), every: time.Duration(float64(n) / rate * float64(time.Second))}
	ctx, u.cancel = context.WithCancel(ctx)
	group, inGroup := errgroup.WithContext(ctx)
	group.SetLimit(4)
	for i := range n {
		group.Go(func() (err error) {
			u.clients[i], err = client.Connect(inGroup, account(url, i))
			return err
		})
	}
	if err := group.Wait(); err != nil {
		u.close()
		return nil, err
	}
	u.begun = time.Now()
	u.from = u.begun
	for i := range n {
		u.all.Go(func() { u.write(ctx, i) })
		u.all.Go(func() { u.read(ctx, i) })
	}
	return u, nil
}

func (u *users) close() {
	u.cancel()
	u.all.Wait()
	for _, c := range u.clients {
		if c != nil {
			_ = c.Close() // nobody needs the messages that the client has not sent yet
		}
	}
}

// due returns when message k of user i is due.
func (u *users) due(i, k int) time.Time {
	return u.begun.Add(u.every*time.Duration(k) + u.every*time.Duration(i)/time.Duration(len(u.clients)))
}

func (u *users) write(ctx context.Context, i int) {
	to := u.clients[i^1].Self().User
	for k := 0; retry.Sleep(ctx, time.Until(u.due(i, k))); k++ {
		text := fmt.Sprintf("%0*d", textSize, k)
		if _, err := u.clients[i].Enqueue(ctx, client.Outgoing{To: to, Text: text}); err != nil {
			return // messages that are not sent count as missing
		}
	}
}

func (u *users) read(ctx context.Context, i int) {
	peer := i ^ 1
	from := u.clients[peer].Self().User
	for m, err := range u.clients[i].Messages(ctx) {
		if err != nil {
			return
		}
		if k, err := strconv.Atoi(m.Text); err == nil && m.From == from {
			u.note(u.due(peer, k), time.Now())
		}
	}
}

func (u *users) note(due, shown time.Time) {
	u.mu.Lock()
	defer u.mu.Unlock()
	if u.measuredLocked(due) {
		u.came++
		u.shown.Record(shown.Sub(due))
	}
}

func (u *users) measuredLocked(due time.Time) bool {
	return !due.Before(u.from) && (u.until.IsZero() || due.Before(u.until))
}

// begin starts the measured time.
func (u *users) begin() {
	u.mu.Lock()
	defer u.mu.Unlock()
	u.from, u.came = time.Now(), 0
	u.shown.Reset()
}

// drainTime bounds the wait for messages that were due in the measured time.
const drainTime = 10 * time.Second

// end ends the measured time. It returns how many messages were due in that time, and how
// many of these were not shown. It waits up to 10 s for late messages.
func (u *users) end(ctx context.Context) (due, missing int) {
	u.mu.Lock()
	u.until = time.Now()
	u.mu.Unlock()
	due = u.dueBetween()
	for give := time.Now().Add(drainTime); time.Now().Before(give); {
		u.mu.Lock()
		missing = due - u.came
		u.mu.Unlock()
		if missing <= 0 || !retry.Sleep(ctx, 5*time.Millisecond) {
			break
		}
	}
	return due, missing
}

// dueBetween counts the messages that were due in the measured time.
func (u *users) dueBetween() (n int) {
	for i := range u.clients {
		for k := 0; u.due(i, k).Before(u.until); k++ {
			if !u.due(i, k).Before(u.from) {
				n++
			}
		}
	}
	return n
}
