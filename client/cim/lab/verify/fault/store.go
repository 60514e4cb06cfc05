package fault

import (
	"cmp"
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
		return "the store is no single redis-server of this run"
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

// behindPercent is the percentage of lost primaries whose replicas are behind at the time
// of the loss. With such a primary, the writes of the last moments are lost, too.
const behindPercent = 60

// tail is the length of the time before a primary's end in which writes may have reached
// no replica. Faults keep writes from replicas for at most behindMost. The rest of tail is
// for replicas that are busy.
const (
	tail       = 2 * time.Second
	behindMost = 400 // ms
)

// behind draws the length of the time before a primary's end in which its replicas get
// nothing from it.
func (s Strike) behind() time.Duration {
	if !s.percent(1, behindPercent) {
		return 0
	}
	return time.Duration(s.Roll>>16%behindMost) * time.Millisecond
}

func needsSentinel(w *World) string {
	if w.cluster.Sentinel() == nil {
		return "the store has no Sentinels"
	}
	return ""
}

type redisFailover struct{}

func (redisFailover) Name() string { return "redis-failover" }
func (redisFailover) Story() string {
	return "the primary is killed (-9), its replicas behind at times; Sentinel promotes one, and the old one becomes its replica"
}
func (redisFailover) Hits() Class             { return Store }
func (redisFailover) Missing(w *World) string { return cmp.Or(w.noPause(), needsSentinel(w)) }
func (redisFailover) Rhythm() Rhythm {
	return Rhythm{Every: Span{15 * time.Second, 30 * time.Second}, Lasts: Span{50 * time.Millisecond, 5 * time.Second}}
}

func (redisFailover) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	group := w.cluster.Sentinel()
	lost, err := group.Lose(ctx, s.behind())
	if lost == nil {
		return Wound{}, err
	}
	return Wound{
		What: "redis primary lost", Tail: tail,
		Heal: func(ctx context.Context) error { return group.Rejoin(ctx, lost) },
	}, err
}

func needsCluster(w *World) string {
	if w.cluster.RedisCluster() == nil {
		return "the store is no Redis Cluster"
	}
	return ""
}

type clusterFailover struct{}

func (clusterFailover) Name() string { return "redis-cluster-failover" }
func (clusterFailover) Story() string {
	return "a master of the Redis Cluster is killed (-9), its replica behind at times; that takes over, and the old one becomes its replica"
}
func (clusterFailover) Hits() Class             { return Store }
func (clusterFailover) Missing(w *World) string { return cmp.Or(w.noPause(), needsCluster(w)) }
func (clusterFailover) Rhythm() Rhythm          { return redisFailover{}.Rhythm() }

func (clusterFailover) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	cluster := w.cluster.RedisCluster()
	lost, err := cluster.Lose(ctx, int(s.Roll>>32%100), s.behind())
	if lost == nil {
		return Wound{}, err
	}
	return Wound{
		What: "redis master lost", Tail: tail,
		Heal: func(ctx context.Context) error { return cluster.Rejoin(ctx, lost) },
	}, err
}

type slotMigration struct{}

func (slotMigration) Name() string { return "slot-migration" }
func (slotMigration) Story() string {
	return "slots of the Redis Cluster with the logs of users move to another master, key by key"
}
func (slotMigration) Hits() Class             { return Store }
func (slotMigration) Missing(w *World) string { return needsCluster(w) }
func (slotMigration) Rhythm() Rhythm {
	return Rhythm{Every: Span{6 * time.Second, 15 * time.Second}, Lasts: Span{500 * time.Millisecond, 5 * time.Second}}
}

func (slotMigration) Inject(ctx context.Context, w *World, s Strike) (Wound, error) {
	return Wound{What: "redis slots on the move", Heal: during(ctx, func(ctx context.Context) error {
		_, err := w.cluster.RedisCluster().MoveSlots(ctx, int(s.Roll>>32%100))
		return err
	})}, nil
}
