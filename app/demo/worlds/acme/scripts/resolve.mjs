// Imports are written without an extension; Node wants one. What it does not find is tried once more with .ts.
import { registerHooks } from 'node:module';

registerHooks({
  resolve(specifier, context, next) {
    try {
      return next(specifier, context);
    } catch (error) {
      const ours = /^\.{1,2}\//.test(specifier) && error.code === 'ERR_MODULE_NOT_FOUND';
      if (!ours) throw error;
      return next(`${specifier}.ts`, context);
    }
  },
});
