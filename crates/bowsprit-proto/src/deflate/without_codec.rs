//! Stands in where there is no implementation of DEFLATE: nothing is ever agreed to, so none is made.

use core::convert::Infallible;

use alloc::{boxed::Box, vec::Vec};

use bytes::Bytes;

use crate::{Compressed, Deflate, DeflateParams, Message, ProtocolError, Role};

#[derive(Debug)]
pub(crate) struct Compressor(Infallible);

impl Compressor {
    pub(crate) fn new(_: Role, _: &DeflateParams, _: &Deflate) -> Option<Box<Self>> {
        None
    }

    pub(crate) const fn counts(&self) -> Compressed {
        match self.0 {}
    }

    pub(crate) fn count_prepared(&mut self, _: usize, _: usize) {
        match self.0 {}
    }

    pub(crate) const fn wants(&self, _: usize) -> bool {
        match self.0 {}
    }

    pub(crate) const fn kind(&self) -> (u8, u8) {
        match self.0 {}
    }

    pub(crate) fn message(&mut self, _: &[u8], _: &mut Vec<u8>) -> bool {
        match self.0 {}
    }

    pub(crate) fn fragment(&mut self, _: &[u8], _: bool, _: &mut Vec<u8>) {
        match self.0 {}
    }

    pub(crate) fn forget(&mut self) {
        match self.0 {}
    }
}

#[derive(Debug)]
pub(crate) struct Inflater(Infallible);

impl Inflater {
    pub(crate) fn new(_: Role, _: &DeflateParams) -> Option<Box<Self>> {
        None
    }

    pub(crate) const fn counts(&self) -> Compressed {
        match self.0 {}
    }

    pub(crate) fn inflate(
        &mut self,
        _: &[u8],
        _: bool,
        _: impl FnMut(&[u8]) -> Result<(), ProtocolError>,
    ) -> Result<(), ProtocolError> {
        match self.0 {}
    }
}

#[derive(Debug, Default)]
pub(crate) struct CompressedFrames {}

impl CompressedFrames {
    pub(crate) fn get(&self, _: (u8, u8), _: &Message) -> Option<&Bytes> {
        None
    }
}
