//! Option builders, such as `OpenFileOptions().read(true).build()`.

/// Declares a set of options and registers its builder. Every option is absent until it is set; `build` ends the chain.
macro_rules! options {
    ($(#[$meta:meta])* $name:ident { $($option:ident: $type:ty),* $(,)? }) => {
        $(#[$meta])*
        #[derive(Debug, Clone, Default)]
        pub(crate) struct $name {
            $(pub(crate) $option: Option<$type>,)*
        }

        impl $name {
            pub(crate) fn register(registrar: &mut crate::engine::Registrar) {
                registrar.engine.register_type_with_name::<Self>(stringify!($name));
                registrar.function(stringify!($name), Self::default);
                $(registrar.function(stringify!($option), |options: &mut Self, value: $type| {
                    let mut options = options.clone();
                    options.$option = Some(value);
                    options
                });)*
                registrar.function("build", |options: &mut Self| options.clone());
            }
        }
    };
}
pub(crate) use options;
