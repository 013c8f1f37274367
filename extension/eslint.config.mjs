import js from '@eslint/js';
import prettier from 'eslint-config-prettier';
import hooks from 'eslint-plugin-react-hooks';
import typescript from 'typescript-eslint';

export default typescript.config(
  { ignores: ['.test/', 'jupyter_mlops_lab/', 'lib/', 'node_modules/', '**/*.mjs', 'style/*.js'] },
  js.configs.recommended,
  typescript.configs.strict,
  prettier,
  {
    plugins: { 'react-hooks': hooks },
    rules: {
      ...hooks.configs.recommended.rules,
      '@typescript-eslint/no-explicit-any': 'error',
      eqeqeq: 'error',
      'no-restricted-syntax': [
        'error',
        {
          selector: "JSXAttribute[name.name='dangerouslySetInnerHTML']",
          message: 'Text stays text.'
        },
        { selector: "MemberExpression[property.name='innerHTML']", message: 'Text stays text.' }
      ]
    }
  }
);
