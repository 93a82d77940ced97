// Command chaos lets pairs of real daemons ring each other while it kills them at
// random moments, breaks the network between them and takes disk and descriptors
// from them, and checks from outside, by what their apps are told, that the
// invitations keep their promises. scripts/chaos builds and runs it.
//
// The package must not know how the daemons work inside: it uses what is built
// and what apps can see.
package main
