package fault

import (
	"context"
	"path/filepath"
	"time"

	"github.com/cim-go/cim/proto/retry"
)

type storeEmpty struct{}

func (storeEmpty) Name() string { return "store-empty" }
func (storeEmpty) Story() string {
	return "redis-server is killed and comes back without any data: no accounts, sessions, groups, logs and keys"
}
func (storeEmpty) Hits() Class { return Store }
func (storeEmpty) Missing(w *World) string {
	if w.cluster.Auth() != "open" {
		return "an account that the store loses is lost in this mode"
	}
	return redisKill{}.Missing(w)
}
func (storeEmpty) Rhythm() Rhythm {
	return Rhythm{Every: Span{20 * time.Second, 40 * time.Second}, Lasts: Span{50 * time.Millisecond, 4 * time.Second}, Late: true}
}

func (storeEmpty) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	server := w.cluster.Redis()
	return Wound{What: "redis emptied", Empty: true, Heal: server.Restart}, server.Lose("")
}

type storeOlder struct{}

func (storeOlder) Name() string { return "store-older" }
func (storeOlder) Story() string {
	return "redis-server is killed and comes back as it was some seconds ago, as from a snapshot of its disk"
}
func (storeOlder) Hits() Class             { return Store }
func (storeOlder) Missing(w *World) string { return redisKill{}.Missing(w) }
func (storeOlder) Rhythm() Rhythm {
	return Rhythm{Every: Span{25 * time.Second, 45 * time.Second}, Lasts: Span{500 * time.Millisecond, 2500 * time.Millisecond}}
}

// Inject takes a snapshot of the data. At the end of the strike, the store loses
// everything that was written after the snapshot.
func (storeOlder) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	server, dir := w.cluster.Redis(), filepath.Join(w.cluster.Dir(), "snapshot")
	taken := time.Now()
	if err := server.Backup(dir); err != nil {
		return Wound{}, err
	}
	if !retry.Sleep(ctx, s.Lasts) {
		return Wound{}, ctx.Err()
	}
	err := server.Lose(dir)
	// The ledger may have an answer a moment later than the route got it from the store.
	tail := time.Since(taken) + tail
	return Wound{What: "redis set back", Tail: tail, Restored: true, Heal: server.Restart}, err
}
