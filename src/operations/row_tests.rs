//! Tests of the rows of operations.
