package fault

import (
	"context"
	"time"
)

type redisKill struct{}

func (redisKill) Name() string { return "redis-kill" }
func (redisKill) Story() string {
	return "redis-server is killed (-9) and started again on what it wrote (appendfsync always)"
}
func (redisKill) Hits() Class { return Store }
func (redisKill) Missing(w *World) string {
	if w.cluster.Redis() == nil {
		return "the store is not a redis-server of this run"
	}
	return ""
}
func (redisKill) Rhythm() Rhythm {
	return Rhythm{Every: Span{9 * time.Second, 22 * time.Second}, Lasts: Span{50 * time.Millisecond, 5 * time.Second}}
}

func (redisKill) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	w.cluster.Redis().Kill()
	return Wound{What: "redis-server killed", Heal: w.cluster.Redis().Restart}, nil
}

type zkStop struct{}

func (zkStop) Name() string            { return "zk-stop" }
func (zkStop) Story() string           { return "ZooKeeper is killed, for longer than a session at times" }
func (zkStop) Hits() Class             { return ZooKeeper }
func (zkStop) Missing(w *World) string { return w.noZK }
func (zkStop) Rhythm() Rhythm {
	return Rhythm{Every: Span{15 * time.Second, 35 * time.Second}, Lasts: Span{time.Second, 14 * time.Second}}
}

func (zkStop) Inject(_ context.Context, w *World, _ Strike) (Wound, error) {
	w.cluster.ZooKeeper().Kill()
	return Wound{What: "ZooKeeper killed", Heal: w.cluster.ZooKeeper().Restart}, nil
}
