// Package house holds the rules of the tree itself: what may import what, that
// every package says what it is for, and how big a file may grow. It has tests
// only and must not be imported.
package house
