// Package schemas is the vocabulary of Ozone: ids, states, commands, steps, events, errors.
//
// It imports the standard library only and decides nothing about time, transport or disk.
package schemas

import (
	"hash/fnv"
	"strconv"
)

// Ids of objects are positive 31-bit numbers, ascending within an account and never reused:
// old clients keep them in 32-bit integers.
type (
	// AccountID names a tenant: the number in the management URL.
	AccountID int64
	// ServerID names a server.
	ServerID int64
	// ImageID names an image; base images are 1 to 999.
	ImageID int64
	// FlavorID names a flavor.
	FlavorID int64
	// HostID names a physical machine.
	HostID int64
	// GroupID names a shared IP group.
	GroupID int64
	// ClusterID names a set of hosts on one layer-2 network.
	ClusterID int64
)

// OperationID is a UUIDv7 in its canonical lower-case text form: its first 48 bits are the
// milliseconds at which the edge made it.
type OperationID string

// Epoch counts the claims of a shard; a higher epoch fences every lower one.
type Epoch int64

// MaxID is the largest id of an object: 31 bits, so that old clients can hold it.
const MaxID = 1<<31 - 1

// Shards is the number of partitions of all actors. It is part of the stored form: never change it.
const Shards = 64

// Shard is one of the partitions 0..63: the unit of ownership, ordering, commit and failure.
type Shard int

// ShardOf is the shard of an account and of all its servers, groups and images.
func ShardOf(account AccountID) Shard { return shardOf("account/", int64(account)) }

// ShardOfCluster is the shard of a cluster and of its hosts.
func ShardOfCluster(cluster ClusterID) Shard { return shardOf("cluster/", int64(cluster)) }

func shardOf(prefix string, id int64) Shard {
	h := fnv.New32a()
	_, _ = h.Write(strconv.AppendInt([]byte(prefix), id, 10)) // fnv never fails
	return Shard(h.Sum32() % Shards)
}

// ActorKind is the kind of an actor and of the snapshot that stores it.
type ActorKind string

// The kinds of actors.
const (
	ActorAccount ActorKind = "account"
	ActorServer  ActorKind = "server"
	ActorImage   ActorKind = "image"
	ActorGroup   ActorKind = "shared_ip_group"
	ActorHost    ActorKind = "host"
	ActorCluster ActorKind = "cluster"
)

// ActorKinds lists every kind, in the order in which a turn passes them.
func ActorKinds() []ActorKind {
	return []ActorKind{ActorAccount, ActorImage, ActorGroup, ActorServer, ActorHost, ActorCluster}
}

// Ref names one actor, for example {server 1234}.
type Ref struct {
	Kind ActorKind `json:"kind"`
	ID   int64     `json:"id"`
}

// String is the form "server/1234".
func (r Ref) String() string { return string(r.Kind) + "/" + strconv.FormatInt(r.ID, 10) }

// IsZero tells whether r names nothing.
func (r Ref) IsZero() bool { return r == Ref{} }

// Ref names the account's actor.
func (id AccountID) Ref() Ref { return Ref{ActorAccount, int64(id)} }

// Ref names the server's actor.
func (id ServerID) Ref() Ref { return Ref{ActorServer, int64(id)} }

// Ref names the image's actor.
func (id ImageID) Ref() Ref { return Ref{ActorImage, int64(id)} }

// Ref names the group's actor.
func (id GroupID) Ref() Ref { return Ref{ActorGroup, int64(id)} }

// Ref names the host's actor.
func (id HostID) Ref() Ref { return Ref{ActorHost, int64(id)} }

// Ref names the cluster's actor.
func (id ClusterID) Ref() Ref { return Ref{ActorCluster, int64(id)} }
