//! Networks that come with the crate, as files in `networks/`.

use crate::network::{Network, NetworkError};

macro_rules! networks {
    ($( $(#[doc = $doc:literal])* $name:ident: $file:literal; )*) => {
        /// A network that comes with the crate.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Known { $( $(#[doc = $doc])* $name, )* }

        impl Known {
            /// All of them.
            pub const ALL: &[Self] = &[$( Self::$name, )*];

            /// Name of its file, without the folder.
            pub const fn file(self) -> &'static str {
                match self { $( Self::$name => $file, )* }
            }

            /// Its text.
            pub const fn json(self) -> &'static str {
                match self { $( Self::$name => include_str!(concat!("../networks/", $file)), )* }
            }

            /// The network.
            pub fn network(self) -> Result<Network, NetworkError> {
                Network::from_json(self.json())
            }
        }
    };
}

networks! {
    /// MobileNetV1.
    MobileNetV1: "mobilenet-v1.json";
    /// MobileNetV2.
    MobileNetV2: "mobilenet-v2.json";
    /// ResNet-18.
    ResNet18: "resnet18.json";
    /// ResNet-50.
    ResNet50: "resnet50.json";
    /// YOLOv5s with SiLU.
    Yolov5s: "yolov5s.json";
    /// YOLOv5s with ReLU.
    Yolov5sRelu: "yolov5s-relu.json";
    /// One decoded token of TinyLlama 1.1B.
    TinyLlamaDecode: "tinyllama-decode.json";
}
