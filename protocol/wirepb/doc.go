// Package wirepb is the protobuf form of the frames, generated from wire.proto
// by scripts/gen. Only package protocol uses it, and it must not know what a
// frame may contain beyond its types: limits and rules are checked there.
package wirepb
