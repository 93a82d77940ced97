// Package docs holds the documents to what the programs do: the examples of
// README.md are run in their order against real daemons, its tables are
// compared with the binaries and the code. It has tests only and must not be
// imported.
//
// How the examples say what they are: the word after a fence's language is the
// device that the block is for; repo is the tree itself. DESK_ID is what
// beckon id printed on the device desk, HUB_ADDRESS the first of hub's
// addresses. A text block is output of its device, in order, with … for
// anything; in a language that runs there is no block that does not run.
package docs
