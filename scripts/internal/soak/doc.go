// Command soak lets a crowd of real daemons ring each other at a steady rate while
// some of them are killed, and checks that those that live on stay as they are in
// memory, goroutines and descriptors. scripts/soak builds and runs it.
//
// The package must not know how the daemons work inside: it uses what is built,
// what apps can see, and what the system tells of a process.
package main
